"""Whose Home is due, handed to one worker at a time, with nothing lost that comes up meanwhile."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from bot.home.homes import ClaimedHome, Homes
from bot.store.database import Database
from bot.store.tables import HomeRow
from tests.conftest import NOON

TEAM, ALICE, BOB = "T0CALLAUDIO", "U0ALICE00", "U0BOB0000"
MINUTE = timedelta(minutes=1)


class Shelf:
    """Homes on one database, with a clock that stands."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.homes = Homes(database=database, clock=lambda: self.now)

    async def claimed(self) -> list[ClaimedHome]:
        return await self.homes.claim(10, MINUTE)

    async def one(self) -> ClaimedHome:
        (home,) = await self.claimed()
        return home

    async def rows(self) -> list[HomeRow]:
        async with self.database.read() as session:
            return list(await session.scalars(select(HomeRow).order_by(HomeRow.user_id)))

    async def row(self) -> HomeRow:
        (row,) = await self.rows()
        return row

    async def publish(self, home: ClaimedHome, look_at: datetime | None, view_hash="h1") -> None:
        await self.homes.published(home, shown="digest", view_hash=view_hash, look_at=look_at)


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


async def test_opened_twice_it_is_one_home_that_is_due(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.homes.opened(TEAM, ALICE)
    home = await shelf.one()
    assert (home.team_id, home.user_id, home.is_stale) == (TEAM, ALICE, True)
    assert (home.shown, home.view_hash) == (None, None)


async def test_two_workers_never_get_the_same_one_but_a_lost_one_comes_back(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.one()
    assert await shelf.claimed() == []
    shelf.now += MINUTE
    assert (await shelf.one()).is_stale


async def test_no_more_are_claimed_than_asked_for_the_longest_due_first(shelf):
    await shelf.homes.opened(TEAM, BOB)
    shelf.now += MINUTE
    await shelf.homes.opened(TEAM, ALICE)
    (first,) = await shelf.homes.claim(1, MINUTE)
    assert first.user_id == BOB


async def test_a_published_one_is_due_when_it_may_have_grown_old(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.publish(await shelf.one(), NOON + MINUTE)
    assert await shelf.claimed() == []
    shelf.now += MINUTE
    home = await shelf.one()
    assert (home.is_stale, home.shown, home.view_hash) == (False, "digest", "h1")


async def test_one_that_cannot_grow_old_is_due_only_when_it_is_opened(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.publish(await shelf.one(), None)
    await shelf.homes.look_now(TEAM)
    shelf.now += timedelta(days=99)
    assert await shelf.claimed() == []
    await shelf.homes.opened(TEAM, ALICE)
    assert (await shelf.one()).is_stale


async def test_opened_while_it_is_published_it_is_published_once_more(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    home = await shelf.one()
    shelf.now += timedelta(seconds=1)
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.publish(home, None)
    again = await shelf.one()
    assert (again.is_stale, again.view_hash) == (True, "h1")


async def test_a_change_while_it_is_published_is_looked_at_at_once(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    home = await shelf.one()
    shelf.now += timedelta(seconds=1)
    await shelf.homes.look_now(TEAM)
    await shelf.publish(home, shelf.now + MINUTE)
    assert (await shelf.one()).shown == "digest"


async def test_a_change_concerns_its_own_workspace(shelf):
    for team in (TEAM, "T0OTHERTEAM"):
        await shelf.homes.opened(team, ALICE)
    for home in await shelf.claimed():
        await shelf.publish(home, NOON + MINUTE)
    await shelf.homes.look_now(TEAM)
    assert (await shelf.one()).team_id == TEAM


async def test_what_is_put_off_stays_to_be_published(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.homes.put_off(await shelf.one(), NOON + 60 * MINUTE)
    shelf.now += MINUTE
    assert await shelf.claimed() == []
    shelf.now += 59 * MINUTE
    assert (await shelf.one()).is_stale


async def test_a_late_writer_starts_again_from_what_the_other_noted(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.publish(await shelf.one(), NOON)
    late = await shelf.one()
    await shelf.publish(late, NOON, view_hash="h2")
    await shelf.homes.moved_on(late)
    again = await shelf.one()
    assert (again.is_stale, again.view_hash) == (True, "h2")


async def test_a_hash_that_died_with_its_writer_is_done_without(shelf):
    await shelf.homes.opened(TEAM, ALICE)
    await shelf.publish(await shelf.one(), NOON)
    await shelf.homes.moved_on(await shelf.one())
    assert (await shelf.one()).view_hash is None
