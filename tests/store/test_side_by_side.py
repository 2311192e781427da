"""Two versions on one database: neither claims work that only the other knows."""

import asyncio
from datetime import datetime, timedelta

from bot.jobs.background import in_background
from bot.jobs.work_kind import WorkKind
from bot.jobs.work_loop import WorkLoop
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.enqueue import enqueue
from bot.store.tables import DueWorkRow
from tests.conftest import NOON
from tests.polling import until


async def test_a_worker_does_not_claim_work_of_a_later_version(database):
    async with database.write() as session:
        enqueue(session, "of_tomorrow", "w1", now=NOON)
        enqueue(session, "of_today", "w2", now=NOON)
    ran: list[str] = []

    async def run(due: Due) -> datetime | None:
        ran.append(due.key)
        await asyncio.sleep(0)
        return None

    work = DueWork(database=database, clock=lambda: NOON, lease=timedelta(seconds=9))
    loop = WorkLoop(due_work=work, kinds=[WorkKind("of_today", run, at_once=4)], clock=lambda: NOON)
    async with in_background(loop.run()):
        await until(lambda: left(database, "of_today", "w2"))
    await loop.stop(drain_seconds=1)

    assert ran == ["w2"]
    async with database.read() as session:
        row = await session.get_one(DueWorkRow, ("of_tomorrow", "w1"))
    assert (row.claim, row.tries, row.takeovers) == (None, 0, 0)


async def left(database: Database, kind: str, key: str) -> bool:
    async with database.read() as session:
        return await session.get(DueWorkRow, (kind, key)) is None
