"""Metrics of audit events, counted when their transaction is committed."""

from collections.abc import Callable, Sequence

from bot.audit.events import AuditEvent, AuditTag
from bot.observability.metrics import Metrics


def counting(metrics: Metrics) -> Callable[[Sequence[AuditEvent]], None]:
    """Build a function that counts committed events by tag, and take-backs by cause."""

    def count(events: Sequence[AuditEvent]) -> None:
        for event in events:
            metrics.audit_events.labels(tag=event.tag.value).inc()
            if event.tag is AuditTag.FILE_TAKEN_BACK:
                cause = str(event.payload["cause"])
                metrics.take_backs.labels(cause=cause).inc()
                if isinstance(after := event.payload.get("after_seconds"), float):
                    metrics.take_back_seconds.labels(cause=cause).observe(after)

    return count
