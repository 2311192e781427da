"""What happens at a time: APScheduler, in the memory of each worker.

No job store is shared: two processes on one fire twice. What must happen once is claimed in the
store, by whoever is first.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.logs import get_logger

log = get_logger(__name__)

Work = Callable[[], Awaitable[Any]]


class Scheduler:
    """Runs work at an instant, or again and again; of each name so many runs at a time."""

    def __init__(self) -> None:
        self._apscheduler = AsyncIOScheduler(timezone=UTC)
        self._running: defaultdict[str, set[asyncio.Task[Any]]] = defaultdict(set)

    def time(self) -> datetime:
        """Tell the time by which it runs work: the machine's, whatever clock others are given."""
        return datetime.now(UTC)

    def every(self, seconds: float, name: str, work: Work, *, at_once: int = 1) -> None:
        """Run ``work`` now and then again.

        A time that comes while ``at_once`` runs of it are still under way is left out.
        """
        when = {"seconds": seconds, "next_run_time": self.time()}
        self._add(name, work, at_once, trigger="interval", **when)

    def at(self, when: datetime, name: str, work: Work) -> None:
        """Run ``work`` once, at once if the time is over; takes the place of an earlier order."""
        self._add(name, work, 1, trigger="date", run_date=when)

    def wake(self, name: str) -> None:
        """Run now what is run again and again."""
        if self._apscheduler.get_job(name):
            self._apscheduler.modify_job(name, next_run_time=self.time())

    def forget(self, name: str) -> None:
        """Take an order back; what runs goes on."""
        if self._apscheduler.get_job(name):
            self._apscheduler.remove_job(name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the context is left, then break off what runs and wait for its end."""
        self._apscheduler.start()
        try:
            yield
        finally:
            self._apscheduler.shutdown(wait=False)
            tasks = [task for runs in self._running.values() for task in runs]
            for task in tasks:
                task.cancel()
            await asyncio.gather(asyncio.sleep(0), *tasks, return_exceptions=True)

    def _add(self, name: str, work: Work, at_once: int, **when: Any) -> None:  # noqa: ANN401 - the trigger's own
        self._apscheduler.add_job(
            self._run,
            args=(name, work, at_once),
            id=name,
            replace_existing=True,
            coalesce=True,
            misfire_grace_time=None,  # late is better than never
            # No more run than may, see below; APScheduler would warn at each time that is left out.
            max_instances=1_000,
            **when,
        )

    async def _run(self, name: str, work: Work, at_once: int) -> None:
        runs = self._running[name]
        if len(runs) >= at_once:
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        runs.add(task)
        try:
            # APScheduler would log the end of what a stop broke off as an error.
            with suppress(asyncio.CancelledError):
                await work()
        except Exception:
            log.exception("scheduled_work_failed", work=name)
        finally:
            runs.discard(task)
            if not runs:
                del self._running[name]
