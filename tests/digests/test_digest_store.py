"""Since when a report on access may still count: deliveries stay that long."""

from datetime import UTC, datetime, timedelta

from bot.digests.digest import DigestKind
from bot.digests.digest_store import DigestStore
from bot.store.database import Database
from bot.store.tables import DigestRunRow
from tests.conftest import NOON
from tests.scenarios.digest_scene import TEAM, add_digest

ACCESS = DigestKind.ACCESS
DAY = timedelta(days=1)


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
    return await DigestStore(database=database, clock=lambda: NOON).counted_since(TEAM)
