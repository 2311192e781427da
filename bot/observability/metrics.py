"""The metrics of ``GET /metrics``."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

DELIVERY_BUCKETS_SECONDS: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
# About what docs/security.md promises: seconds, a minute, a quarter of an hour.
TAKE_BACK_BUCKETS_SECONDS: Final = (1, 2, 5, 10, 30, 60, 90, 120, 300, 900, 1800, 3600)


class Metrics:
    """Counts requests, deliveries, errors and relayed bytes in a registry of its own.

    Label values come from bounded sets (enums and error codes), never from an id or a name.

    Attributes:
        requests: requests by ``source``: command, shortcut, button, modal or digest.
        deliveries: ended deliveries by ``outcome`` (raw, redacted, refused, failed) and ``reason``.
        errors: errors by the ``code`` of their class.
        rejected_requests: rejected requests and connections, by ``cause``.
        delivery_seconds: from the request to the visible recording.
        redaction_checks: redacted recordings compared with the raw ones, by ``verdict``.
        deliveries_frozen: 1 while redacted deliveries are frozen because the plain key returns raw.
        relay_bytes: bytes sent to Slack by ``variant``, raw or redacted.
        relays_in_progress: recordings being transferred now.
        slack_calls: calls of the Web API by ``method`` and ``result``: ok, or the error's code.
        http_requests: requests to PolyAI, uploads and response URLs by ``host`` and ``status``;
            ``none`` if no answer came.
        audit_events: committed audit events by ``tag``.
        take_backs: files deleted from Slack, by ``cause``.
        take_back_seconds: from the cause to the deletion of a file, by ``cause``.
        work_waiting: pieces of work that are due and that no worker holds, by ``kind``.
        work_held: pieces of work that workers hold now, by ``kind``.
        work_late_seconds: how long the oldest work that nobody holds waits, by ``kind``: since it
            was stored as due at once, or since ten minutes after a given time.
        digest_late_seconds: how long the oldest slot of a digest waits for its end; 0 without one.
        raw_files_overdue: files that have to be deleted and are still in Slack.
        canary_held: when the canary last passed, in seconds since 1970; 0: never, NaN: without one.
        slack_calls_allowed: calls a minute that Slack allows, by ``method``, where a limit holds.
        slack_held_seconds: for how long Slack accepts no calls, by ``method``.
        polyai_errors: answers of PolyAI other than 200, by ``agent`` and ``status``; ``none``: no
            answer.
        oldest_delivery_seconds: the age of the oldest delivery that has not ended; 0 without one.
        backlog_known: 1 if the waiting work could be read at this scrape, else 0.
        database_takes_writes: 1 if a write succeeded at this scrape, else 0.
        takeovers: pieces of work taken over from a worker that died or whose lease had expired, by
            ``kind``.
        leases_lost: pieces of work that another worker took over from this one, by ``kind``.
        socket_envelope_age_seconds: time since Socket Mode's last envelope; NaN over HTTP.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "callaudio_requests", "Requests accepted.", ["source"], registry=self.registry
        )
        self.deliveries = Counter(
            "callaudio_deliveries",
            "Deliveries ended.",
            ["outcome", "reason"],
            registry=self.registry,
        )
        self.errors = Counter(
            "callaudio_errors", "Errors shown to people.", ["code"], registry=self.registry
        )
        self.rejected_requests = Counter(
            "callaudio_requests_turned_away",
            "Requests and connections rejected.",
            ["cause"],
            registry=self.registry,
        )
        self.delivery_seconds = Histogram(
            "callaudio_delivery_seconds",
            "Seconds from the request to the visible recording.",
            buckets=DELIVERY_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.deliveries_frozen = Gauge(
            "callaudio_deliveries_frozen",
            "1 while no redacted recording is delivered.",
            registry=self.registry,
        )
        self.redaction_checks = Counter(
            "callaudio_redaction_checks",
            "Redacted recordings compared with the raw ones.",
            ["verdict"],
            registry=self.registry,
        )
        self.relay_bytes = Counter(
            "callaudio_relay_bytes", "Bytes sent to Slack.", ["variant"], registry=self.registry
        )
        self.relays_in_progress = Gauge(
            "callaudio_relays_in_progress",
            "Recordings being transferred now.",
            registry=self.registry,
        )
        self.socket_envelope_age_seconds = Gauge(
            "callaudio_socket_last_envelope_age_seconds",
            "Seconds since the last Socket Mode envelope; NaN over HTTP.",
            registry=self.registry,
        )
        self.socket_envelope_age_seconds.set(float("nan"))  # 0 would read as a live connection

        self.slack_calls = Counter(
            "callaudio_slack_calls",
            "Calls of Slack's Web API.",
            ["method", "result"],
            registry=self.registry,
        )
        self.http_requests = Counter(
            "callaudio_http_requests",
            "Requests to PolyAI, uploads and response URLs.",
            ["host", "status"],
            registry=self.registry,
        )
        self.polyai_errors = Counter(
            "callaudio_polyai_errors",
            "Answers of PolyAI other than 200.",
            ["agent", "status"],
            registry=self.registry,
        )
        self.slack_calls_allowed = Gauge(
            "callaudio_slack_calls_allowed",
            "Calls a minute that Slack allows.",
            ["method"],
            registry=self.registry,
        )
        self.slack_held_seconds = Gauge(
            "callaudio_slack_held_seconds",
            "For how long Slack accepts no calls.",
            ["method"],
            registry=self.registry,
        )
        self.audit_events = Counter(
            "callaudio_audit_events", "Audit events committed.", ["tag"], registry=self.registry
        )
        self.take_backs = Counter(
            "callaudio_take_backs", "Files deleted from Slack.", ["cause"], registry=self.registry
        )
        self.take_back_seconds = Histogram(
            "callaudio_take_back_seconds",
            "Seconds from the cause to the deletion of a file.",
            ["cause"],
            buckets=TAKE_BACK_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.work_waiting = Gauge(
            "callaudio_work_waiting",
            "Work that is due and that no worker holds.",
            ["kind"],
            registry=self.registry,
        )
        self.work_held = Gauge(
            "callaudio_work_held", "Work that workers hold now.", ["kind"], registry=self.registry
        )
        self.work_late_seconds = Gauge(
            "callaudio_work_late_seconds",
            "How long the oldest work that nobody holds waits.",
            ["kind"],
            registry=self.registry,
        )
        self.digest_late_seconds = Gauge(
            "callaudio_digest_late_seconds",
            "How long the oldest slot of a digest waits for its end.",
            registry=self.registry,
        )
        self.raw_files_overdue = Gauge(
            "callaudio_raw_files_overdue",
            "Raw and orphaned files that have to be deleted and are still in Slack.",
            registry=self.registry,
        )
        self.canary_held = Gauge(
            "callaudio_canary_held_timestamp_seconds",
            "When the canary last passed.",
            registry=self.registry,
        )
        self.canary_held.set(float("nan"))
        self.oldest_delivery_seconds = Gauge(
            "callaudio_oldest_delivery_seconds",
            "Age of the oldest delivery that has not ended.",
            registry=self.registry,
        )
        self.backlog_known = Gauge(
            "callaudio_backlog_known",
            "Whether the database returned the waiting work.",
            registry=self.registry,
        )
        self.database_takes_writes = Gauge(
            "callaudio_database_takes_writes",
            "Whether the database takes writes.",
            registry=self.registry,
        )
        self.takeovers = Counter(
            "callaudio_work_taken_over",
            "Work taken over from a worker that died or whose lease had expired.",
            ["kind"],
            registry=self.registry,
        )
        self.leases_lost = Counter(
            "callaudio_leases_lost",
            "Work that another worker took over from this one.",
            ["kind"],
            registry=self.registry,
        )

    def render(self) -> tuple[bytes, str]:
        """Return the metrics in Prometheus' text format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
