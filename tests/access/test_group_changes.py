"""When a user group last changed, for every process."""

import asyncio
from datetime import timedelta

from bot.access.group_changes import GroupChanges
from tests.access.builders import GROUP, OTHER_TEAM, TEAM, checks_due
from tests.conftest import NOON

LATER = NOON + timedelta(minutes=1)


async def test_the_last_change_of_a_group_is_stored_for_its_workspace(sqlite_store):
    changes = GroupChanges(sqlite_store)
    assert await changes.latest(TEAM, GROUP) is None
    await changes.note(TEAM, GROUP, NOON)
    await changes.note(TEAM, "S0OTHERS0", NOON)
    await changes.note(OTHER_TEAM, GROUP, NOON)
    await changes.note(TEAM, GROUP, LATER)
    assert await GroupChanges(sqlite_store).latest(TEAM, GROUP) == LATER
    assert await changes.latest(TEAM, "S0OTHERS0") == NOON
    assert await changes.latest(OTHER_TEAM, GROUP) == NOON


async def test_two_events_at_once_are_both_accepted(database):
    changes = GroupChanges(database)
    moments = [NOON + timedelta(seconds=number) for number in range(16)]
    await asyncio.gather(*(changes.note(TEAM, GROUP, each) for each in moments))
    assert await changes.latest(TEAM, GROUP) in moments


async def test_a_change_schedules_a_check_of_what_its_rights_allowed(sqlite_store):
    await GroupChanges(sqlite_store).note(TEAM, GROUP, NOON)
    assert await checks_due(sqlite_store) == [TEAM]
