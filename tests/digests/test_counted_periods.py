"""Deliveries stay while a report on access may still count them: a row a timetable."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.digests.counted_periods import counted_since, covered_since
from bot.digests.digest import DigestKind
from bot.digests.digest_store import DigestStore
from bot.digests.timetable import Timetable
from bot.store.database import Database
from bot.store.tables import DigestRunRow
from tests.conftest import NOON
from tests.scenarios.digest_scene import TEAM, add_digest
from tests.tables import each_row

ACCESS = DigestKind.ACCESS
DAY = timedelta(days=1)


@each_row(
    ("cron", "expected"),
    [
        pytest.param(
            "0 9 * * *", datetime(2026, 6, 2, 9, tzinfo=UTC), id="daily: since yesterday's"
        ),
        pytest.param(
            "0 9 1 * *", datetime(2026, 5, 1, 9, tzinfo=UTC), id="monthly: one may be posted late"
        ),
        pytest.param("0 9 1 1 *", datetime(2025, 1, 1, 9, tzinfo=UTC), id="yearly: the same"),
        pytest.param(
            "0 9 1 5,6 *", NOON - 334 * DAY, id="after a short period a long one: on request now"
        ),
    ],
)
def test_a_timetable_counts_from_the_start_of_its_last_slots_period(cron, expected):
    assert covered_since(Timetable(cron, ZoneInfo("UTC")), NOON) == expected


async def test_without_an_access_digest_nothing_is_counted(database):
    await add_digest(database, "calls", "0 9 1 1 *", kind=DigestKind.CALLS)
    await add_digest(database, "theirs", "0 9 1 1 *", kind=ACCESS, team_id="T0SALES000")
    assert await since(database) == NOON


async def test_the_longest_period_and_unposted_slots_are_counted(database):
    await add_digest(database, "daily", "0 9 * * *", kind=ACCESS)
    await add_digest(database, "monthly", "0 9 1 * *", kind=ACCESS)
    assert await since(database) == datetime(2026, 5, 1, 9, tzinfo=UTC)

    await put_slot(database, "posted", covered_since=NOON - 300 * DAY)
    assert await since(database) == datetime(2026, 5, 1, 9, tzinfo=UTC)
    await put_slot(database, "claimed", covered_since=NOON - 200 * DAY)
    assert await since(database) == NOON - 200 * DAY


async def put_slot(database: Database, state: str, *, covered_since: datetime) -> None:
    async with database.write() as session:
        session.add(
            DigestRunRow(
                digest_id="monthly",
                slot_local=state,
                due_at=NOON,
                covered_since=covered_since,
                claimed_at=NOON,
                lost_answers=0,
                state=state,
            )
        )


async def since(database: Database) -> datetime:
    return await counted_since(database, DigestStore(database=database, clock=lambda: NOON), TEAM)
