"""Figures of what was audited: counted once the transaction with the events is committed."""

from collections.abc import Callable, Sequence

from bot.audit.events import AuditEvent, AuditTag
from bot.metrics import Metrics


def counting(metrics: Metrics) -> Callable[[Sequence[AuditEvent]], None]:
    """Give what counts committed events by tag, and files taken back by cause."""

    def count(events: Sequence[AuditEvent]) -> None:
        for event in events:
            metrics.audit_events.labels(tag=event.tag.value).inc()
            if event.tag is AuditTag.FILE_TAKEN_BACK:
                metrics.take_backs.labels(cause=str(event.payload["cause"])).inc()

    return count
