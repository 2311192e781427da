"""Workers say that they live; the work of one that stopped saying so is taken over."""

import asyncio
import fcntl
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final

from sqlalchemy import delete, func, select, update

from bot.logs import get_logger
from bot.store.database import Database
from bot.store.tables import WorkerLeaseRow

log = get_logger(__name__)

BEAT_SECONDS: Final = 2.0
LAPSE: Final = timedelta(seconds=10)
# Any constant does: it only keeps two workers from taking over the same dead one at once.
TAKEOVER_LOCK: Final = 0x63616C6C


class SecondWorkerRefused(Exception):
    """Another worker already serves this SQLite file; use PostgreSQL to run several."""


@dataclass(frozen=True, slots=True)
class SoleWorker:
    """The lock by which one SQLite file has one worker; the system frees it when that one dies."""

    file: IO[str]

    @classmethod
    def claim(cls, database_path: Path) -> "SoleWorker":
        """Take the lock file beside the database.

        Raises:
            SecondWorkerRefused: it is taken.
        """
        file = database_path.with_name(f"{database_path.name}.worker").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise SecondWorkerRefused from None
        return cls(file)

    def release(self) -> None:
        """Give the lock back."""
        self.file.close()


async def _nobody() -> Collection[str]:
    """Nobody holds work."""
    return ()


class Leases:
    """One row per PostgreSQL worker, renewed every ``BEAT_SECONDS``."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        executor_id: str,
        take_over: Callable[[str], Awaitable[int]],
        may_take_over: Callable[[], bool],
        on_lost: Callable[[], None],
        lapse: timedelta = LAPSE,
        holders: Callable[[], Awaitable[Collection[str]]] = _nobody,
    ) -> None:
        self._database = database
        self._clock = clock
        self._executor_id = executor_id
        self._take_over = take_over
        self._may_take_over = may_take_over
        self._on_lost = on_lost
        self._lapse = lapse
        self._holders = holders
        self.is_lost = False

    async def claim(self) -> None:
        """Write this worker's row."""
        async with self._database.write() as session:
            session.add(WorkerLeaseRow(executor_id=self._executor_id, seen_at=self._clock()))

    async def release(self) -> None:
        """Let others take over at once: this worker has stopped in good order."""
        async with self._database.write() as session:
            await session.execute(
                update(WorkerLeaseRow)
                .where(WorkerLeaseRow.executor_id == self._executor_id)
                .values(seen_at=self._clock() - 2 * self._lapse)
            )

    async def run(self) -> None:
        """Renew and look after the others, until cancelled."""
        while True:
            await asyncio.sleep(min(BEAT_SECONDS, self._lapse.total_seconds() / 5))
            try:
                await self.beat()
                if self._may_take_over() and not self.is_lost:
                    await self.sweep()
            except Exception:
                log.exception("lease_failed")

    async def beat(self) -> None:
        """Renew; a row that is gone means that another worker took this one for dead.

        Work that came here since then is nobody's: a lapsed row in its place has it taken over too.
        """
        if self.is_lost:
            return
        async with self._database.write() as session:
            renewed = await session.scalar(
                update(WorkerLeaseRow)
                .where(WorkerLeaseRow.executor_id == self._executor_id)
                .values(seen_at=self._clock())
                .returning(WorkerLeaseRow.executor_id)
            )
            if renewed is None:
                lapsed_at = self._clock() - 2 * self._lapse
                session.add(WorkerLeaseRow(executor_id=self._executor_id, seen_at=lapsed_at))
        if renewed is None:
            self.is_lost = True
            log.error("lease_lost", executor_id=self._executor_id)
            self._on_lost()

    async def sweep(self) -> None:
        """Take over from every worker whose lease has lapsed, one sweeper at a time.

        And from those that hold work without a lease: a worker that had been taken for dead may
        have begun something between that and its own end.
        """
        async with self._database.write() as session:
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(TAKEOVER_LOCK))):
                return
            lapsed = await session.scalars(
                select(WorkerLeaseRow.executor_id).where(
                    WorkerLeaseRow.seen_at < self._clock() - self._lapse
                )
            )
            for executor_id in lapsed.all():
                taken = await self._take_over(executor_id)
                await session.execute(
                    delete(WorkerLeaseRow).where(WorkerLeaseRow.executor_id == executor_id)
                )
                log.warning("worker_taken_over", executor_id=executor_id, workflows=taken)
            # In this order: whoever holds work has had a lease since before.
            holders = await self._holders()
            leased = set(await session.scalars(select(WorkerLeaseRow.executor_id)))
            for executor_id in set(holders) - leased:
                taken = await self._take_over(executor_id)
                log.warning("orphans_taken_over", executor_id=executor_id, workflows=taken)
