"""Whom callaudio is for, and which of their rights count."""

import pytest

from bot.access.admission import Admission
from bot.access.grants import Right
from bot.access.person import People
from bot.access.policy import Standing
from tests.access.builders import ALICE, GROUP, TEAM, Silent, Workspace, give, rights_on
from tests.conftest import NOON

NOBODY = [each for each in Standing if each not in (Standing.MEMBER, Standing.GUEST)]


def admission_to(database, standing=Standing.MEMBER, failing=()):
    rights = rights_on(database, groups={GROUP: {ALICE}})
    return Admission(
        people=People(database=database, rights=rights, clock=lambda: NOON),
        rights=rights,
        directory=Workspace(standings={ALICE: standing}, failing=failing),
    )


async def admitted(database, standing=Standing.MEMBER):
    return await admission_to(database, standing).read(TEAM, ALICE)


async def test_a_member_is_admitted_with_every_right(sqlite_store):
    assert (await admitted(sqlite_store)).held == frozenset()
    await give(sqlite_store, GROUP)
    assert (await admitted(sqlite_store)).held == {Right.PII}


async def test_a_guest_is_admitted_by_a_grant_of_their_own_and_a_group_s_does_not_count(
    sqlite_store,
):
    await give(sqlite_store, GROUP, right=Right.ADMIN)
    assert await admitted(sqlite_store, Standing.GUEST) is None
    await give(sqlite_store, right=Right.PII)
    assert (await admitted(sqlite_store, Standing.GUEST)).held == {Right.PII}


@pytest.mark.parametrize("standing", NOBODY)
async def test_nobody_else_is_whatever_they_hold(sqlite_store, standing):
    await give(sqlite_store)
    assert await admitted(sqlite_store, standing) is None


async def test_nobody_is_admitted_or_sent_away_for_a_guess(sqlite_store):
    await give(sqlite_store)
    admission = admission_to(sqlite_store, failing={f"standing of {ALICE}"})
    with pytest.raises(Silent):
        await admission.read(TEAM, ALICE)
    assert await admission.read_if_known(TEAM, ALICE) is None
