"""Periodic cleaning of the database."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete

from bot.access.standings import forget_standings
from bot.digests.slot_claims import SlotClaims
from bot.pruning.pruning import Pruning
from bot.store.database import Database
from bot.store.due_work import Due
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.idempotency import forget_recent
from bot.store.tables import SlackBudgetRow

EVERYTHING: Final = "everything"
"""The key of its row for what is removed at once."""
DELIVERIES: Final = "deliveries"
"""The key of its row for what is removed in batches."""
CLEAN_EVERY: Final = timedelta(hours=1)
CLEAN_AFTER: Final = timedelta(minutes=1)
"""After a start, a worker first does the work that people wait for."""
KEEP_DIGEST_RUNS: Final = timedelta(days=90)


class CleanUp:
    """Removes the rows of work that ended long ago; the audit log is unchanged."""

    def __init__(
        self,
        *,
        claims: SlotClaims,
        pruning: Pruning,
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self._claims = claims
        self._pruning = pruning
        self._database = database
        self._clock = clock

    async def run(self, due: Due) -> datetime | None:
        """Clean up; returns when to do so again, if ever."""
        if due.key == DELIVERIES:
            return await self._pruning.run()
        await self._claims.forget_older(KEEP_DIGEST_RUNS)
        await forget_recent(self._database, self._clock())
        await forget_standings(self._database, self._clock())
        await _forget_spent(self._database, self._clock())
        return self._clock() + CLEAN_EVERY


async def schedule_clean_up(database: Database, now: datetime, after: timedelta) -> None:
    """Schedule the cleaning soon and then periodically, by one worker of all."""
    async with database.write() as session:
        for key in (EVERYTHING, DELIVERIES):
            enqueue(session, DueWorkKind.CLEAN_UP, key, now=now, due_at=now + after)


async def _forget_spent(database: Database, now: datetime) -> None:
    """Remove spent budgets that no longer count; the margin is larger than any clock skew."""
    over = delete(SlackBudgetRow).where(SlackBudgetRow.ends_at < now - CLEAN_EVERY)
    async with database.write() as session:
        await session.execute(over)
