"""Figures of work that waits, read from the database when somebody asks for them."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Select, and_, case, func, select

from bot.observability.metrics import Metrics
from bot.recordings.delivery_store import DELIVER
from bot.recordings.freeze import Freeze
from bot.store.database import Database
from bot.store.tables import DeliveryRow, DueWorkRow
from bot.store.write_probe import takes_writes


class Backlog:
    """Sets the figures of waiting work; every process tells the same, for the table is shared."""

    def __init__(
        self, *, database: Database, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._freeze = Freeze(database)
        self._metrics = metrics
        self._clock = clock

    async def measure(self) -> None:
        """Read what waits; where the database does not tell, no old figure stays."""
        metrics, now = self._metrics, self._clock()
        metrics.work_waiting.clear()
        metrics.work_held.clear()
        metrics.oldest_delivery_seconds.set(float("nan"))
        metrics.backlog_known.set(0)
        metrics.database_takes_writes.set(0)
        async with self._database.read() as session:
            kinds = (await session.execute(_by_kind(now))).all()
            oldest = await session.scalar(_oldest_delivery())
        frozen = await self._freeze.is_on()
        for kind, waiting, held in kinds:
            metrics.work_waiting.labels(kind=kind).set(waiting)
            metrics.work_held.labels(kind=kind).set(held)
        metrics.oldest_delivery_seconds.set((now - oldest).total_seconds() if oldest else 0)
        metrics.deliveries_frozen.set(frozen)
        metrics.backlog_known.set(1)
        metrics.database_takes_writes.set(await takes_writes(self._database))


def _by_kind(now: datetime) -> Select[str, int, int]:
    row = DueWorkRow
    is_held = row.claim.is_not(None)
    is_waiting = and_(row.claim.is_(None), row.due_at <= now)
    return select(
        row.kind,
        func.sum(case((is_waiting, 1), else_=0)),
        func.sum(case((is_held, 1), else_=0)),
    ).group_by(row.kind)


def _oldest_delivery() -> Select[datetime]:
    of_delivery = and_(DueWorkRow.kind == DELIVER, DueWorkRow.key == DeliveryRow.id)
    return (
        select(func.min(DeliveryRow.requested_at))
        .select_from(DueWorkRow)
        .join(DeliveryRow, of_delivery)
        .where(DeliveryRow.ended_at.is_(None))
    )
