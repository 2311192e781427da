"""The metrics of ``GET /metrics``."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

DELIVERY_BUCKETS_SECONDS: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
# About what docs/security.md promises: seconds, a minute, a quarter of an hour.
TAKE_BACK_BUCKETS_SECONDS: Final = (1, 2, 5, 10, 30, 60, 90, 120, 300, 900, 1800, 3600)
NAN: Final = float("nan")


class Metrics:
    """The figures of this process, in a registry of its own.

    Label values come from bounded sets (enums and error codes), never from an id or a name.
    ``docs/operations.md`` says what each figure means.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        # Requests and deliveries.
        self.requests = self._counter("callaudio_requests", "Requests accepted.", "source")
        self.rejected_requests = self._counter(
            "callaudio_requests_turned_away", "Requests and connections rejected.", "cause"
        )
        self.deliveries = self._counter(
            "callaudio_deliveries", "Deliveries ended.", "outcome", "reason"
        )
        self.delivery_seconds = self._histogram(
            "callaudio_delivery_seconds",
            "Seconds from the request to the visible recording.",
            DELIVERY_BUCKETS_SECONDS,
        )
        self.oldest_delivery_seconds = self._gauge(
            "callaudio_oldest_delivery_seconds", "Age of the oldest delivery that has not ended."
        )
        self.errors = self._counter("callaudio_errors", "Errors shown to people.", "code")
        self.relay_bytes = self._counter("callaudio_relay_bytes", "Bytes sent to Slack.", "variant")
        self.relays_in_progress = self._gauge(
            "callaudio_relays_in_progress", "Recordings being transferred now."
        )

        # Redaction, and what is taken back.
        self.redaction_checks = self._counter(
            "callaudio_redaction_checks",
            "Redacted recordings compared with the raw ones.",
            "verdict",
        )
        self.deliveries_frozen = self._gauge(
            "callaudio_deliveries_frozen", "1 while no redacted recording is delivered."
        )
        self.canary_held = self._gauge(
            "callaudio_canary_held_timestamp_seconds", "When the canary last passed."
        )
        self.canary_held.set(NAN)  # 0 would read as a canary that never passed
        self.take_backs = self._counter(
            "callaudio_take_backs", "Files deleted from Slack.", "cause"
        )
        self.take_back_seconds = self._histogram(
            "callaudio_take_back_seconds",
            "Seconds from the cause to the deletion of a file.",
            TAKE_BACK_BUCKETS_SECONDS,
            "cause",
        )
        self.raw_files_overdue = self._gauge(
            "callaudio_raw_files_overdue",
            "Raw and orphaned files that have to be deleted and are still in Slack.",
        )
        self.audit_events = self._counter(
            "callaudio_audit_events", "Audit events committed.", "tag"
        )

        # Calls of Slack and PolyAI.
        self.slack_calls = self._counter(
            "callaudio_slack_calls", "Calls of Slack's Web API.", "method", "result"
        )
        self.slack_calls_allowed = self._gauge(
            "callaudio_slack_calls_allowed", "Calls a minute that Slack allows.", "method"
        )
        self.slack_held_seconds = self._gauge(
            "callaudio_slack_held_seconds", "For how long Slack accepts no calls.", "method"
        )
        self.socket_envelope_age_seconds = self._gauge(
            "callaudio_socket_last_envelope_age_seconds",
            "Seconds since the last Socket Mode envelope; NaN over HTTP.",
        )
        self.socket_envelope_age_seconds.set(NAN)  # 0 would read as a live connection
        self.http_requests = self._counter(
            "callaudio_http_requests",
            "Requests to PolyAI, uploads and response URLs.",
            "host",
            "status",
        )
        self.polyai_errors = self._counter(
            "callaudio_polyai_errors", "Answers of PolyAI other than 200.", "agent", "status"
        )

        # Due work and the database.
        self.work_waiting = self._gauge(
            "callaudio_work_waiting", "Work that is due and that no worker holds.", "kind"
        )
        self.work_held = self._gauge("callaudio_work_held", "Work that workers hold now.", "kind")
        self.work_late_seconds = self._gauge(
            "callaudio_work_late_seconds",
            "How long the oldest work that nobody holds waits.",
            "kind",
        )
        self.digest_late_seconds = self._gauge(
            "callaudio_digest_late_seconds",
            "How long the oldest slot of a digest waits for its end.",
        )
        self.takeovers = self._counter(
            "callaudio_work_taken_over",
            "Work taken over from a worker that died or whose lease had expired.",
            "kind",
        )
        self.leases_lost = self._counter(
            "callaudio_leases_lost", "Work that another worker took over from this one.", "kind"
        )
        self.backlog_known = self._gauge(
            "callaudio_backlog_known", "Whether the database returned the waiting work."
        )
        self.database_takes_writes = self._gauge(
            "callaudio_database_takes_writes", "Whether the database takes writes."
        )

    def render(self) -> tuple[bytes, str]:
        """Return the metrics in Prometheus' text format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(name, says, labels, registry=self.registry)

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(name, says, labels, registry=self.registry)

    def _histogram(self, name: str, says: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, says, labels, buckets=buckets, registry=self.registry)
