"""Figures of waiting work: what is due and held, and how old the oldest delivery is."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from bot.observability.metrics import Metrics
from bot.recordings.backlog import Backlog
from bot.store.database import Database
from bot.store.due_work import DueWork
from bot.store.schedule import schedule
from bot.store.tables import DueWorkRow
from tests.conftest import NOON
from tests.recordings.rows import delivery_row

CHANNEL = "C0ONE00000"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def backlog(database: Database, metrics: Metrics) -> Backlog:
    return Backlog(database=database, metrics=metrics, clock=lambda: NOON + MINUTE)


def figure(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"callaudio_{name}", labels)


async def put(database: Database, *ids: str, **columns: object) -> None:
    async with database.write() as session:
        for each in ids:
            session.add(delivery_row(each, CHANNEL, team_id="T1", user_id="U1", **columns))
            schedule(session, "deliver", each, now=NOON)


async def test_what_is_due_and_what_is_held_is_told_by_kind(database, metrics, backlog):
    await put(database, "d1", "d2", "d3", state="requested", ended_at=None)
    async with database.write() as session:
        schedule(session, "publish", "later", now=NOON, due_at=NOON + 2 * MINUTE)
    work = DueWork(database=database, clock=lambda: NOON, lease=MINUTE)
    assert len(await work.claim("deliver", 1, takes_over=True, suspects=1)) == 1

    await backlog.measure()

    assert figure(metrics, "work_waiting", kind="deliver") == 2
    assert figure(metrics, "work_held", kind="deliver") == 1
    assert figure(metrics, "work_waiting", kind="publish") == 0
    assert figure(metrics, "backlog_known") == 1


async def test_the_oldest_delivery_is_one_that_has_not_ended(database, metrics, backlog):
    await put(database, "ended", requested_at=NOON - 60 * MINUTE)
    await put(database, "d1", state="requested", ended_at=None, requested_at=NOON - MINUTE)
    await put(database, "d2", state="requested", ended_at=None)
    await backlog.measure()
    assert figure(metrics, "oldest_delivery_seconds") == 120


async def test_without_work_its_age_is_nought_and_no_kind_stays(database, metrics, backlog):
    await put(database, "d1", state="requested", ended_at=None)
    await backlog.measure()
    async with database.write() as session:
        await session.execute(delete(DueWorkRow))
    await backlog.measure()
    assert figure(metrics, "oldest_delivery_seconds") == 0
    assert figure(metrics, "work_waiting", kind="deliver") is None


async def test_no_old_figure_stays_where_the_database_does_not_tell(database, metrics, backlog):
    await put(database, "d1", state="requested", ended_at=None)
    await backlog.measure()
    async with database.write() as session:
        await session.execute(delete(DueWorkRow))
        await (await session.connection()).exec_driver_sql("DROP TABLE due_work")
    with pytest.raises(Exception, match="due_work"):
        await backlog.measure()
    assert figure(metrics, "backlog_known") == 0
    assert figure(metrics, "oldest_delivery_seconds") != pytest.approx(0)
    assert figure(metrics, "work_waiting", kind="deliver") is None
