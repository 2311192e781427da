"""Which Homes are due; a change during a publish is not lost."""

from datetime import datetime, timedelta

import pytest

from bot.home.home_store import HomeStore, StoredHome
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.due_work_kinds import DueWorkKind
from tests.conftest import NOON

TEAM, ALICE = "T0CALLAUDIO", "U0ALICE00"
MINUTE = timedelta(minutes=1)


class HomeStoreSetup:
    """Homes on one database, with a fixed clock."""

    def __init__(self, database: Database) -> None:
        self.now = NOON
        self.homes = HomeStore(database=database, clock=lambda: self.now)
        self.work = DueWork(database=database, clock=lambda: self.now, lease=MINUTE)

    async def claimed(self) -> list[Due]:
        return await self.work.claim(DueWorkKind.PUBLISH_HOME, 10, takes_over=True)

    async def one(self) -> tuple[StoredHome, Due]:
        (due,) = await self.claimed()
        home = await self.homes.read(due)
        assert home
        return home, due

    async def publish(
        self, claimed: tuple[StoredHome, Due], again_at: datetime | None, view_hash: str = "h1"
    ) -> None:
        home, due = claimed
        await self.homes.published(home, due, shown="digest", view_hash=view_hash)
        await self.work.finish(due, again_at)


@pytest.fixture
def setup(database: Database) -> HomeStoreSetup:
    return HomeStoreSetup(database)


async def test_a_home_opened_twice_is_due_once(setup):
    await setup.homes.opened(TEAM, ALICE)
    await setup.homes.opened(TEAM, ALICE)
    home, _ = await setup.one()
    assert (home.team_id, home.user_id, home.is_stale) == (TEAM, ALICE, True)
    assert (home.shown, home.view_hash) == (None, None)


async def test_a_home_opened_during_its_publish_is_published_again(setup):
    await setup.homes.opened(TEAM, ALICE)
    claimed = await setup.one()
    await setup.homes.opened(TEAM, ALICE)
    await setup.publish(claimed, None)
    again, _ = await setup.one()
    assert (again.is_stale, again.view_hash) == (True, "h1")


async def test_a_change_during_a_publish_is_checked_at_once(setup):
    await setup.homes.opened(TEAM, ALICE)
    claimed = await setup.one()
    await setup.homes.check_now(TEAM)
    await setup.publish(claimed, setup.now + MINUTE)
    home, _ = await setup.one()
    assert home.shown == "digest"


async def test_a_change_checks_only_homes_of_its_workspace(setup):
    for team in (TEAM, "T0OTHERTEAM"):
        await setup.homes.opened(team, ALICE)
    for due in await setup.claimed():
        await setup.publish((await setup.homes.read(due), due), NOON + MINUTE)
    await setup.homes.check_now(TEAM)
    home, _ = await setup.one()
    assert home.team_id == TEAM


async def test_a_late_writer_uses_the_hash_of_the_other(setup):
    await setup.homes.opened(TEAM, ALICE)
    await setup.publish(await setup.one(), NOON)
    late = await setup.one()
    await setup.publish(late, NOON, view_hash="h2")
    await setup.homes.note_conflict(late[0])
    again, _ = await setup.one()
    assert (again.is_stale, again.view_hash) == (True, "h2")
