"""Starts the work of a process, and drains it at the end."""

from contextlib import AsyncExitStack

from bot.jobs.background import in_background
from bot.jobs.sqlite_worker_lock import SqliteWorkerLock
from bot.jobs.upkeep import schedule_clean_up
from bot.jobs.waking import listen, watch
from bot.jobs.work_loop import WorkLoop
from bot.recordings.redaction.canary_store import schedule_canary
from bot.slack.web_api.rate_limit_stores import HOLD_CHANNEL
from bot.store.due_work import DueWork
from bot.store.engines import sqlite_path
from bot.wiring.core import Core
from bot.wiring.timings import Timings
from bot.wiring.worker import Worker


async def start_worker(
    stack: AsyncExitStack, core: Core, worker: Worker, timings: Timings
) -> WorkLoop:
    """Start the work of this process.

    On SQLite a lock file ensures that this is the only worker; it continues the unfinished work of
    its predecessor at once. On PostgreSQL several workers share the work under leases.

    Raises:
        SecondWorkerRefused: another worker holds the lock of the SQLite file.
    """
    stack.push_async_callback(worker.calls.close)
    path = sqlite_path(core.database.url)
    due_work = DueWork(database=core.database, clock=core.clock, lease=timings.lease)
    loop = WorkLoop(
        due_work=due_work,
        kinds=worker.kinds,
        clock=core.clock,
        lease=timings.lease,
        poll_seconds=timings.poll_seconds,
        give_way=core.in_flight.give_way,
        metrics=core.metrics,
    )
    if path:
        stack.callback(SqliteWorkerLock.acquire(path).release)
        for kind, key in await due_work.free_all():
            loop.note_taken_over(kind, key)
    else:
        # Continues while running work is drained: if a lease expired, the work would be done twice.
        await stack.enter_async_context(in_background(loop.renew()))
    stack.push_async_callback(loop.stop, timings.drain_seconds)
    core.database.on_work_stored = loop.wake
    holds = {HOLD_CHANNEL: core.rate_limiter.note_notified_hold}
    hearing = watch(path, loop.wake) if path else listen(core.database, loop.wake, hear=holds)
    await stack.enter_async_context(in_background(hearing))
    await stack.enter_async_context(in_background(loop.run()))
    await schedule_clean_up(core.database, core.clock(), timings.clean_up_after)
    if core.settings.callaudio_canary:
        await schedule_canary(core.database, core.clock())
    return loop
