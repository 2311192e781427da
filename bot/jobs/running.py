"""Runs the job engine under the lock or the lease that says whose work is whose."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from bot.ids import new_id
from bot.jobs.background import in_background
from bot.jobs.engine import Engine, Work
from bot.jobs.leases import Leases, SoleWorker
from bot.store.database import Database, sqlite_path

SOLE_EXECUTOR: Final = "sole-worker"


@asynccontextmanager
async def running_engine(
    database: Database,
    works: Sequence[Work],
    *,
    clock: Callable[[], datetime],
    on_lost: Callable[[], None],
    lapse: timedelta,
    drain_seconds: float,
) -> AsyncIterator[Engine]:
    """Start the engine, and stop it in good order.

    On SQLite a lock file makes this the only worker, which takes up its predecessor's work at once.
    On PostgreSQL each worker renews a lease, and takes over from those whose lease has lapsed;
    ``on_lost`` is called when that happened to this one.

    Raises:
        SecondWorkerRefused: the SQLite file has a worker already.
    """
    path = sqlite_path(database.url)
    executor_id = SOLE_EXECUTOR if path else new_id("worker-", 12)
    engine = Engine(store_url=database.url, executor_id=executor_id)
    leases = Leases(
        database=database,
        clock=clock,
        executor_id=executor_id,
        take_over=engine.take_over,
        may_take_over=lambda: engine.is_running,
        on_lost=on_lost,
        lapse=lapse,
        holders=engine.holders,
    )
    async with AsyncExitStack() as stack:
        if path:
            stack.callback(SoleWorker.claim(path).release)
        else:
            await leases.claim()
            stack.push_async_callback(leases.release)
            # Goes on while running work is drained: a lease that lapsed then would have it done
            # twice.
            await stack.enter_async_context(in_background(leases.run()))

        async def stop() -> None:
            # Whoever lost the lease works on what somebody else is working on.
            await engine.stop(drain_seconds=0 if leases.is_lost else drain_seconds)

        stack.push_async_callback(stop)
        await engine.start(works)
        yield engine
