"""Members of user groups: cached for a minute, and read again after a change."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.access.group_changes import GroupChanges
from bot.errors import CallAudioError
from bot.network.paging import PagingStuck
from bot.sandbox.faults import Fault
from bot.sandbox.slack_server import SlackSandbox
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.usergroups import SlackGroups
from bot.store.database import Database
from tests.conftest import NOON
from tests.slack.conftest import ALICE, BOB, answering

METHOD = "usergroups.users.list"
ONE, TWO = "S0ONE00000", "S0TWO00000"


class GroupsSetup:
    """A workspace with two groups, two processes that remember them, and a clock."""

    def __init__(self, slack: SlackSandbox, api: SlackApi, database: Database) -> None:
        self.now = NOON
        self.slack = slack
        self.workspace = slack.workspace
        self.changes = GroupChanges(database)
        self.groups, self.other = (
            SlackGroups(api, self.changes, lambda: self.now) for _ in range(2)
        )

    async def members(self, group_id: str = ONE) -> set[str]:
        return set(await self.groups.members(self.workspace.team_id, group_id))

    async def changed(self, group_id: str = ONE) -> None:
        await self.changes.note(self.workspace.team_id, group_id, self.now)

    def calls(self) -> int:
        return len(self.workspace.called(METHOD))


@pytest.fixture
async def setup(sqlite_url: str, slack: SlackSandbox, api: SlackApi) -> AsyncIterator[GroupsSetup]:
    slack.workspace.usergroups |= {ONE: (ALICE,), TWO: (BOB,)}
    database = Database(sqlite_url)
    yield GroupsSetup(slack, api, database)
    await database.close()


@pytest.mark.parametrize(
    ("later", "calls", "members"),
    [
        (timedelta(0), 1, {ALICE}),
        (timedelta(seconds=59), 1, {ALICE}),
        (timedelta(seconds=60), 2, {ALICE, BOB}),
        pytest.param(timedelta(hours=-1), 2, {ALICE, BOB}, id="a clock that is set back"),
    ],
)
async def test_a_group_is_cached_for_a_minute(setup, later, calls, members):
    assert await setup.members() == {ALICE}
    setup.workspace.usergroups[ONE] = (ALICE, BOB)
    setup.now += later

    assert await setup.members() == members
    assert setup.calls() == calls


async def test_a_change_empties_the_cache_of_every_process(setup):
    await setup.members()
    await setup.other.members(setup.workspace.team_id, ONE)
    setup.workspace.usergroups[ONE] = ()
    setup.now += timedelta(seconds=1)
    await setup.changed()

    assert await setup.members() == set()
    assert await setup.other.members(setup.workspace.team_id, ONE) == set()


async def test_a_change_during_the_read_counts(setup):
    await setup.members()
    setup.workspace.usergroups[ONE] = ()
    await setup.changed()

    assert await setup.members() == set()


async def test_a_change_noted_by_a_slow_clock_counts(setup):
    await setup.members()
    setup.workspace.usergroups[ONE] = ()
    setup.now -= timedelta(seconds=30)
    await setup.changed()
    setup.now += timedelta(seconds=31)

    assert await setup.members() == set()


async def test_after_a_change_the_new_members_are_cached(setup):
    await setup.members()
    setup.now += timedelta(seconds=1)
    await setup.changed()
    setup.now += timedelta(seconds=1)

    await setup.members()
    await setup.members()

    assert setup.calls() == 2


async def test_a_change_of_one_group_keeps_the_others_cached(setup):
    assert await setup.members(ONE) == {ALICE}
    assert await setup.members(TWO) == {BOB}
    setup.now += timedelta(seconds=1)
    await setup.changed(TWO)

    await setup.members(ONE)

    assert setup.calls() == 2


@pytest.mark.parametrize("is_cached", [False, True])
async def test_a_failure_is_raised_and_not_cached_also_after_the_minute(setup, is_cached):
    if is_cached:
        await setup.members()
        setup.now += timedelta(seconds=60)
    setup.slack.faults.add(Fault(route=METHOD, error="no_such_subteam", times=1))

    with pytest.raises(CallAudioError):
        await setup.members()

    assert await setup.members() == {ALICE}


def page(users: list[str], cursor: str, times: int = 1) -> Fault:
    return answering(METHOD, times, users=users, response_metadata={"next_cursor": cursor})


async def test_a_group_of_several_pages_is_read_completely(setup):
    setup.slack.faults.add(page([BOB], "more"))

    assert await setup.members() == {ALICE, BOB}


async def test_a_list_with_a_repeating_cursor_is_refused(setup):
    setup.slack.faults.add(page([ALICE], "again", times=50))

    with pytest.raises(PagingStuck):
        await setup.members()

    assert setup.calls() == 2
