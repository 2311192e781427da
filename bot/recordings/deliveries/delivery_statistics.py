"""Counts ended deliveries of one workspace in a period, in the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Subquery, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.access.policy import Outcome
from bot.recordings.deliveries.delivery import State
from bot.store.tables import DeliveryRow


class DeliveryStatistics:
    """Counts in the caller's transaction; the period is [since, until)."""

    def __init__(
        self, session: AsyncSession, *, team_id: str, since: datetime, until: datetime
    ) -> None:
        self._session = session
        self._team_id = team_id
        self._since = since
        self._until = until

    async def by_result(self) -> Sequence[tuple[str | None, int]]:
        """Count by result: the variant that was delivered, else the final state."""
        ended = self._ended().c
        query = select(ended.became, func.count()).group_by(ended.became)
        return [(became, count) for became, count in await self._session.execute(query)]

    async def by_reason(self, limit: int) -> Sequence[tuple[str, str | None, int]]:
        """Count by result and reason, the most frequent first."""
        ended = self._ended().c
        count = func.count()
        query = select(ended.became, ended.reason, count).group_by(ended.became, ended.reason)
        ranked = query.order_by(count.desc(), ended.became, ended.reason).limit(limit)
        rows = await self._session.execute(ranked)
        return [(became, reason, number) for became, reason, number in rows]

    async def by_requester(self, limit: int) -> Sequence[tuple[str, int, int, int, int]]:
        """Count raw, redacted, refused and all deliveries by requester, the most frequent first."""
        ended = self._ended().c

        def received(outcome: Outcome) -> ColumnElement[int]:
            return func.sum(case((ended.became == outcome.value, 1), else_=0))

        total = func.count()
        counts = (received(outcome) for outcome in (Outcome.RAW, Outcome.REDACTED, Outcome.REFUSED))
        query = select(ended.user_id, *counts, total).group_by(ended.user_id)
        ranked = query.order_by(total.desc(), ended.user_id).limit(limit)
        rows = await self._session.execute(ranked)
        return [(user_id, int(r), int(s), int(n), int(a)) for user_id, r, s, n, a in rows]

    async def requesters(self) -> int:
        """Count the requesters."""
        distinct = select(func.count(self._ended().c.user_id.distinct()))
        return await self._session.scalar(distinct) or 0

    async def taken_back(self) -> Sequence[tuple[str | None, int]]:
        """Count the raw files that were taken back, by cause."""
        row = DeliveryRow
        within = and_(row.team_id == self._team_id, self._in(row.taken_back_at))
        query = select(row.taken_back_cause, func.count()).where(within)
        rows = await self._session.execute(query.group_by(row.taken_back_cause))
        return [(cause, count) for cause, count in rows]

    def _ended(self) -> Subquery:
        row = DeliveryRow
        became = case((row.state == State.DELIVERED.value, row.outcome), else_=row.state)
        reason = case((row.state == State.FAILED.value, row.error_code), else_=row.reason)
        columns = (row.user_id, became.label("became"), reason.label("reason"))
        within = and_(row.team_id == self._team_id, self._in(row.ended_at))
        # A subquery: PostgreSQL does not see that two bound expressions are equal.
        return select(*columns).where(within).subquery()

    def _in(self, column: InstrumentedAttribute[datetime | None]) -> ColumnElement[bool]:
        return and_(column >= self._since, column < self._until)
