"""Metrics of waiting work, read from the database at each scrape."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, not_, or_, select, true

from bot.observability.metrics import Metrics
from bot.recordings.deliveries.deletable_files import deletable
from bot.recordings.deliveries.redaction_safety import RedactionSafety
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import LARGEST_CLOCK_SKEW
from bot.store.tables import CanaryRow, DeliveryRow, DigestRunRow, DueWorkRow, OrphanedFileRow

UNKNOWN = float("nan")
NEVER = 0.0
"""Unlike NaN it is less than every time, so that an alert can compare it."""


class Backlog:
    """Sets the metrics of waiting work; they are equal in every process: the tables are shared."""

    def __init__(
        self,
        *,
        database: Database,
        metrics: Metrics,
        clock: Callable[[], datetime],
        keep_raw: timedelta | None = None,
        canary: str | None = None,
    ) -> None:
        self._database = database
        self._safety = RedactionSafety(database)
        self._metrics = metrics
        self._clock = clock
        self._keep_raw = keep_raw
        self._canary = canary

    async def measure(self) -> None:
        """Read the waiting work; if the database does not answer, clear the old values."""
        metrics, now = self._metrics, self._clock()
        for of_kinds in (metrics.work_waiting, metrics.work_held, metrics.work_late_seconds):
            of_kinds.clear()
        for figure in (
            metrics.oldest_delivery_seconds,
            metrics.digest_late_seconds,
            metrics.raw_files_overdue,
            metrics.canary_held,
        ):
            figure.set(UNKNOWN)
        metrics.backlog_known.set(0)
        metrics.database_takes_writes.set(0)
        async with self._database.read() as session:
            by_kind = work_by_kind(now, has_leases=not self._database.is_sqlite)
            kinds = (await session.execute(by_kind)).all()
            oldest = await session.scalar(oldest_delivery())
            slot = await session.scalar(_oldest_slot())
            overdue = await session.scalar(_overdue(now, self._keep_raw))
            held_at = await session.scalar(_canary_held(self._canary)) if self._canary else None
        frozen = await self._safety.is_frozen()
        for kind, waiting, held, due_at in kinds:
            metrics.work_waiting.labels(kind=kind).set(waiting)
            metrics.work_held.labels(kind=kind).set(held)
            # Work that is due at once is stored as due this much earlier.
            late_seconds = _age(due_at, now - LARGEST_CLOCK_SKEW)
            metrics.work_late_seconds.labels(kind=kind).set(late_seconds)
        metrics.oldest_delivery_seconds.set(_age(oldest, now))
        metrics.digest_late_seconds.set(_age(slot, now))
        metrics.raw_files_overdue.set(overdue or 0)
        if self._canary:
            metrics.canary_held.set(held_at.timestamp() if held_at else NEVER)
        metrics.deliveries_frozen.set(frozen)
        metrics.backlog_known.set(1)
        metrics.database_takes_writes.set(await self._database.takes_writes())


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def work_by_kind(now: datetime, *, has_leases: bool) -> Select[str, int, int, datetime]:
    """Select for each kind of work how much waits and is held, and when the first was due."""
    row = DueWorkRow
    # A dead worker's claim stays in the table, but is void once its lease has ended.
    lasts = row.lease_ends_at > func.now() if has_leases else true()
    is_held = and_(row.claim.is_not(None), lasts)
    is_waiting = and_(not_(is_held), row.due_at <= now)
    return select(
        row.kind,
        func.sum(case((is_waiting, 1), else_=0)),
        func.sum(case((is_held, 1), else_=0)),
        func.min(case((is_waiting, row.due_at))),
    ).group_by(row.kind)


def oldest_delivery() -> Select[datetime]:
    """Select when the oldest delivery that has not ended was requested."""
    of_delivery = and_(DueWorkRow.kind == DueWorkKind.DELIVER, DueWorkRow.key == DeliveryRow.id)
    return (
        select(func.min(DeliveryRow.requested_at))
        .select_from(DueWorkRow)
        .join(DeliveryRow, of_delivery)
        .where(DeliveryRow.ended_at.is_(None))
    )


def _oldest_slot() -> Select[datetime]:
    return select(func.min(DigestRunRow.due_at)).where(DigestRunRow.ended_at.is_(None))


def _overdue(now: datetime, keep_raw: timedelta | None) -> Select[int]:
    """Count files whose deletion was ordered or is due, and orphaned files that were not deleted.

    An orphaned file counts once Slack can no longer show it: if it is still stored then, Slack
    refused the deletion.
    """
    row = DeliveryRow
    reasons: list[ColumnElement[bool]] = [
        row.taken_back_cause.is_not(None),
        row.delete_asked_by.is_not(None),
    ]
    if keep_raw is not None:
        reasons.append(row.ended_at <= now - keep_raw)
    of_file = and_(DueWorkRow.kind == DueWorkKind.TAKE_BACK, DueWorkRow.key == row.id)
    joined = select(func.count()).select_from(DueWorkRow).join(row, of_file)
    delivered = joined.where(*deletable(), or_(*reasons))
    is_final = OrphanedFileRow.watched_until_at <= now
    orphaned = select(func.count()).select_from(OrphanedFileRow).where(is_final)
    return select(delivered.scalar_subquery() + orphaned.scalar_subquery())


def _canary_held(conversation: str) -> Select[datetime | None]:
    return select(CanaryRow.held_at).where(CanaryRow.conversation == conversation)
