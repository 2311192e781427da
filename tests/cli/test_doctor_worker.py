"""`callaudio doctor` on the worker: whether one runs, and what waits for it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bot.cli.checks.finding import Finding, Status
from bot.cli.checks.stored import START, START_WORKER, check_worker
from bot.cli.stage import environment_of
from bot.jobs.background import in_background
from bot.jobs.sqlite_worker_lock import SqliteWorkerLock
from bot.jobs.upkeep import schedule_clean_up
from bot.jobs.waking import listen
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.store.database import Database
from bot.store.due_work import DueWork
from bot.store.due_work_kinds import DueWorkKind
from bot.store.engines import sqlite_path
from bot.store.enqueue import enqueue
from bot.wiring.clock import utc_now
from tests.cli.process import ready, start
from tests.conftest import NOON
from tests.polling import until
from tests.ports import free_port
from tests.recordings.deliveries.rows import delivery_row

LATER = NOON + timedelta(seconds=40)
OF = {"team_id": "T0CALLAUDIO", "user_id": "U0ALICE00"}
RUNS = Finding("worker", Status.OK, "one runs")
NONE_RUNS = Finding("worker", Status.SET, "none runs: requests would not be worked on", START)


@pytest.fixture
async def environ(database_url: str) -> AsyncIterator[dict[str, str]]:
    workspace = Workspace()
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        yield {**environment_of(workspace, slack, polyai), "DATABASE_URL": database_url}


async def request(database: Database, *ids: str, requested_at=NOON) -> None:
    columns = {**OF, "requested_at": requested_at, "state": "requested", "ended_at": None}
    async with database.write() as session:
        for each in ids:
            session.add(delivery_row(each, "C0QUALITY0", **columns))
            enqueue(session, DueWorkKind.DELIVER, each, now=requested_at)


async def seen(database: Database, *, at=None, hears_notifications: bool = True) -> Finding:
    (finding,) = await check_worker(
        database, lambda: at or utc_now(), hears_notifications=hears_notifications
    )
    return finding


async def test_a_worker_is_seen_from_its_start_to_its_death_even_while_it_is_frozen(
    database, environ
):
    async def shown(wanted: Finding) -> bool:
        return await seen(database) == wanted

    assert await shown(NONE_RUNS)
    port = free_port()
    worker = await start("worker", PORT=str(port), **environ)
    try:
        await ready(port)
        await until(lambda: shown(RUNS))
        worker.send_signal(signal.SIGSTOP)
        assert await shown(RUNS)
    finally:
        worker.kill()
        await worker.communicate()
    await until(lambda: shown(NONE_RUNS))


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[None]:
    """Hold what a worker holds while it runs, and do no work."""
    path = sqlite_path(database.url)
    if path:
        worker = SqliteWorkerLock.acquire(path)
        yield
        worker.release()
        return
    listens = asyncio.Event()
    async with in_background(listen(database, listens.set)):
        await listens.wait()
        yield


async def test_a_request_that_a_running_worker_leaves_for_long_is_a_reason_to_read_its_log(
    database,
):
    await request(database, "d1")
    async with running(database):
        assert await seen(database, at=LATER) == RUNS
        told = await seen(database, at=NOON + timedelta(minutes=5))
    assert (told.state, told.says) == (Status.SET, "one runs, but 1 request has waited 5 min")
    assert "restart the worker" in told.fix


async def test_without_a_worker_what_waits_is_counted(database):
    async with database.write() as session:
        enqueue(session, DueWorkKind.TAKE_BACK, "d0", now=NOON)
        enqueue(session, DueWorkKind.CHECK_SHARES, "later", now=NOON, due_at=LATER)
    finding = await seen(database, at=NOON)
    says = "1 piece of work is due, and no worker runs"
    assert finding == Finding("worker", Status.WRONG, says, START_WORKER)

    await request(database, "d1")
    finding = await seen(database, at=LATER)
    assert finding.says == "1 request has waited 40 s, and no worker runs"

    await request(database, "d2", requested_at=NOON - timedelta(hours=3))
    finding = await seen(database, at=LATER)
    assert finding.says == "2 requests have waited up to 3 h, and no worker runs"


async def test_no_worker_is_missed_if_only_old_rows_wait_to_be_removed(database):
    await schedule_clean_up(database, NOON, timedelta(0))
    assert await seen(database, at=LATER) == NONE_RUNS


async def test_behind_a_pooler_a_worker_is_seen_by_its_lease_and_else_unknown(migrated_postgresql):
    database = Database(migrated_postgresql())
    await request(database, "d1")
    told = await seen(database, at=LATER, hears_notifications=False)
    assert (told.state, told.says) == (
        Status.SET,
        "1 request has waited 40 s; whether one runs cannot be seen",
    )
    assert told.fix.startswith("If none runs: Start `callaudio worker`")

    work = DueWork(database=database, clock=lambda: LATER, lease=timedelta(seconds=60))
    assert len(await work.claim("deliver", 1, takes_over=True)) == 1
    assert await seen(database, at=LATER, hears_notifications=False) == RUNS
    await database.close()
