"""Members of user groups: remembered for a minute, forgotten on a change, never made up."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from bot.access.group_changes import GroupChanges
from bot.errors import CallAudioError
from bot.network.paging import PagingStuck
from bot.sandbox.faults import Fault
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.slack.web_api.api import SlackApi, build_client, build_session
from bot.slack.web_api.usergroups import SlackGroups
from bot.store.database import Database
from tests.conftest import NOON

METHOD = "usergroups.users.list"
ONE, TWO = "S0ONE00000", "S0TWO00000"
ALICE, BOB = "U0ALICE00", "U0BOB0000"


class Office:
    """A workspace with a group, a process that remembers it, and a clock."""

    def __init__(self, slack: SlackSandbox, api: SlackApi, database: Database) -> None:
        self.now = NOON
        self.slack = slack
        self.workspace = slack.workspace
        self.changes = GroupChanges(database)
        self.groups = self.process(api)
        self.other = self.process(api)

    def process(self, api: SlackApi) -> SlackGroups:
        return SlackGroups(api, self.changes, self._clock)

    def _clock(self) -> datetime:
        return self.now

    async def members(self, group_id: str = ONE) -> set[str]:
        return set(await self.groups.members(self.workspace.team_id, group_id))

    async def changed(self, group_id: str = ONE) -> None:
        await self.changes.note(self.workspace.team_id, group_id, self.now)

    def calls(self) -> int:
        return len(self.workspace.called(METHOD))


async def _at_once(seconds: float) -> None:
    del seconds


@pytest.fixture
async def office(sqlite_url: str) -> AsyncIterator[Office]:
    workspace = Workspace()
    for user_id in (ALICE, BOB):
        workspace.add_user(user_id)
    workspace.usergroups[ONE] = (ALICE,)
    workspace.usergroups[TWO] = (BOB,)
    database = Database(sqlite_url)
    async with SlackSandbox(workspace) as slack, build_session() as session:
        api = SlackApi(build_client(workspace.bot_token, slack.url, session), sleep=_at_once)
        yield Office(slack, api, database)
    await database.close()


@pytest.mark.parametrize(
    ("later", "calls", "members"),
    [
        (timedelta(0), 1, {ALICE}),
        (timedelta(seconds=59), 1, {ALICE}),
        (timedelta(seconds=60), 2, {ALICE, BOB}),
    ],
)
async def test_a_group_is_remembered_for_a_minute(
    office: Office, later: timedelta, calls: int, members: set[str]
) -> None:
    assert await office.members() == {ALICE}
    office.workspace.usergroups[ONE] = (ALICE, BOB)
    office.now += later

    assert await office.members() == members
    assert office.calls() == calls


async def test_a_change_empties_what_every_process_remembers(office: Office) -> None:
    await office.members()
    await office.other.members(office.workspace.team_id, ONE)
    office.workspace.usergroups[ONE] = ()
    office.now += timedelta(seconds=1)
    await office.changed()

    assert await office.members() == set()
    assert await office.other.members(office.workspace.team_id, ONE) == set()


async def test_a_change_in_the_very_moment_of_reading_counts(office: Office) -> None:
    await office.members()
    office.workspace.usergroups[ONE] = ()
    await office.changed()

    assert await office.members() == set()


async def test_a_change_noted_by_a_machine_whose_clock_is_behind_counts(office: Office) -> None:
    await office.members()
    office.workspace.usergroups[ONE] = ()
    office.now -= timedelta(seconds=30)
    await office.changed()
    office.now += timedelta(seconds=31)

    assert await office.members() == set()


async def test_after_a_change_the_new_members_are_remembered_again(office: Office) -> None:
    await office.members()
    office.now += timedelta(seconds=1)
    await office.changed()
    office.now += timedelta(seconds=1)

    await office.members()
    await office.members()

    assert office.calls() == 2


async def test_a_change_of_one_group_leaves_the_others_remembered(office: Office) -> None:
    assert await office.members(ONE) == {ALICE}
    assert await office.members(TWO) == {BOB}
    office.now += timedelta(seconds=1)
    await office.changed(TWO)

    await office.members(ONE)

    assert office.calls() == 2


async def test_a_failure_is_raised_and_not_remembered(office: Office) -> None:
    office.slack.faults.add(Fault(route=METHOD, error="no_such_subteam", times=1))

    with pytest.raises(CallAudioError):
        await office.members()

    assert await office.members() == {ALICE}


async def test_what_was_remembered_does_not_outlive_its_minute_when_slack_fails(
    office: Office,
) -> None:
    await office.members()
    office.now += timedelta(seconds=60)
    office.slack.faults.add(Fault(route=METHOD, error="no_such_subteam", times=1))

    with pytest.raises(CallAudioError):
        await office.members()


def page(users: list[str], cursor: str, times: int = 1) -> Fault:
    body = {"ok": True, "users": users, "response_metadata": {"next_cursor": cursor}}
    headers = {"Content-Type": "application/json"}
    return Fault(METHOD, body=json.dumps(body).encode(), headers=headers, times=times)


async def test_a_group_that_comes_in_pages_is_read_whole(office: Office) -> None:
    office.slack.faults.add(page([BOB], "more"))

    assert await office.members() == {ALICE, BOB}


async def test_a_list_that_leads_in_a_circle_is_no_list_of_members(office: Office) -> None:
    office.slack.faults.add(page([ALICE], "again", times=50))

    with pytest.raises(PagingStuck):
        await office.members()

    assert office.calls() == 2
