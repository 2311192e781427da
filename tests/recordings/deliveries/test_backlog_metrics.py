"""Gauges of waiting work: due and claimed work by kind, and the age of the oldest delivery."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.observability.metrics import Metrics
from bot.recordings.deliveries.backlog_metrics import Backlog
from bot.store.database import Database
from bot.store.due_work import DueWork
from bot.store.enqueue import enqueue
from bot.store.tables import CanaryRow, DigestRunRow, DueWorkRow, OrphanedFileRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row

CHANNEL = "C0ONE00000"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def backlog_of(
    database: Database, metrics: Metrics, *, at: datetime = NOON + MINUTE, **settings: Any
) -> Backlog:
    return Backlog(database=database, metrics=metrics, clock=lambda: at, **settings)


@pytest.fixture
def backlog(database: Database, metrics: Metrics) -> Backlog:
    return backlog_of(database, metrics)


def figure(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"callaudio_{name}", labels)


async def put(database: Database, *ids: str, **columns: object) -> None:
    async with database.write() as session:
        for each in ids:
            session.add(delivery_row(each, CHANNEL, team_id="T1", user_id="U1", **columns))
            enqueue(session, "deliver", each, now=NOON)


async def test_due_and_claimed_work_is_counted_by_kind(database, metrics, backlog):
    await put(database, "d1", "d2", "d3", state="requested", ended_at=None)
    async with database.write() as session:
        enqueue(session, "publish", "later", now=NOON, due_at=NOON + 2 * MINUTE)
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


async def test_without_work_the_age_is_zero_and_no_kind_is_listed(database, metrics, backlog):
    await put(database, "d1", state="requested", ended_at=None)
    await backlog.measure()
    async with database.write() as session:
        await session.execute(delete(DueWorkRow))
    await backlog.measure()
    assert figure(metrics, "oldest_delivery_seconds") == 0
    assert figure(metrics, "work_waiting", kind="deliver") is None


async def test_no_old_value_remains_if_the_database_does_not_answer(database, metrics, backlog):
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


async def test_urgent_work_is_late_at_once_and_other_work_after_ten_minutes(
    database, metrics, backlog
):
    async with database.write() as session:
        enqueue(session, "take_back", "d1", now=NOON)
        enqueue(session, "check_audience", "T1/C1", now=NOON, due_at=NOON - 12 * MINUTE)
        enqueue(session, "check_audience", "T1/C2", now=NOON, due_at=NOON)
        enqueue(session, "home", "T1/U1", now=NOON, due_at=NOON + 5 * MINUTE)
    await backlog.measure()
    assert figure(metrics, "work_late_seconds", kind="take_back") == 60
    assert figure(metrics, "work_late_seconds", kind="check_audience") == 180
    assert figure(metrics, "work_late_seconds", kind="home") == 0


@pytest.mark.parametrize(
    ("columns", "overdue"),
    [
        pytest.param({"taken_back_cause": "right_ended"}, 1, id="a fact requires its deletion"),
        pytest.param({"delete_asked_by": "U1"}, 1, id="a person does"),
        pytest.param({"ended_at": NOON - 2 * HOUR}, 1, id="its time is over"),
        pytest.param({}, 0, id="it may stay"),
        pytest.param(
            {"taken_back_cause": "audience", "taken_back_at": NOON},
            0,
            id="it is deleted, its card waits",
        ),
    ],
)
async def test_a_file_to_be_deleted_is_overdue_until_it_is_deleted(
    database, metrics, columns, overdue
):
    async with database.write() as session:
        session.add(delivery_row("d1", CHANNEL, team_id="T1", user_id="U1", **columns))
        enqueue(session, "take_back", "d1", now=NOON)
    await backlog_of(database, metrics, at=NOON, keep_raw=HOUR).measure()
    assert figure(metrics, "raw_files_overdue") == overdue


@pytest.mark.parametrize(
    ("watched_until_at", "overdue"),
    [
        pytest.param(NOON, 1, id="Slack refuses to delete it"),
        pytest.param(NOON + 2 * MINUTE, 0, id="it may not be visible yet"),
    ],
)
async def test_an_orphaned_file_is_overdue_once_its_deletion_would_be_final(
    database, metrics, backlog, watched_until_at, overdue
):
    row = {"taken_back_cause": "audience"}
    about = {"delivery_id": "d1", "team_id": "T1", "channel_id": CHANNEL}
    async with database.write() as session:
        session.add(delivery_row("d2", CHANNEL, team_id="T1", user_id="U1", **row))
        enqueue(session, "take_back", "d2", now=NOON)
        session.add(OrphanedFileRow(file_id="F1", watched_until_at=watched_until_at, **about))
        enqueue(session, "orphaned_file", "F1", now=NOON, due_at=NOON + 2 * MINUTE)
    await backlog.measure()
    assert figure(metrics, "raw_files_overdue") == 1 + overdue


async def test_a_digest_is_late_from_its_due_time_until_its_run_has_ended(
    database, metrics, backlog
):
    slot = {"digest_id": "g1", "slot_local": "2026-06-03T09:00", "covered_since": NOON - HOUR}
    when = {"due_at": NOON - MINUTE, "claimed_at": NOON, "lost_answers": 0, "state": "claimed"}
    async with database.write() as session:
        session.add(DigestRunRow(**slot, **when))
    await backlog.measure()
    assert figure(metrics, "digest_late_seconds") == 120
    async with database.write() as session:
        await session.execute(update(DigestRunRow).values(ended_at=NOON))
    await backlog.measure()
    assert figure(metrics, "digest_late_seconds") == 0


async def test_only_the_canary_of_the_settings_is_counted(database, metrics):
    about = {"team_id": "T1", "checked_at": NOON}
    async with database.write() as session:
        session.add(CanaryRow(conversation="HELD", verdict="held", held_at=NOON, **about))
        session.add(CanaryRow(conversation="NEVER", verdict="unknown", held_at=None, **about))

    async def held(canary: str | None) -> float | None:
        await backlog_of(database, metrics, canary=canary).measure()
        return figure(metrics, "canary_held_timestamp_seconds")

    assert await held("HELD") == NOON.timestamp()
    assert math.isnan(await held(None))
    assert await held("NOT-CHECKED-YET") == 0, "NaN is never late"
    assert NOON.timestamp() - await held("NEVER") > 10_800, "deploy/prometheus-alerts.yml"


async def test_work_of_a_dead_worker_is_waiting_after_its_lease(postgresql_store, metrics):
    await put(postgresql_store, "d1", state="requested", ended_at=None)
    work = DueWork(database=postgresql_store, clock=lambda: NOON, lease=timedelta(seconds=-1))
    assert len(await work.claim("deliver", 1, takes_over=True, suspects=1)) == 1
    await backlog_of(postgresql_store, metrics).measure()
    assert figure(metrics, "work_held", kind="deliver") == 0
    assert figure(metrics, "work_waiting", kind="deliver") == 1
