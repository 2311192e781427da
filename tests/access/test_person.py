"""The rights of one person, and the grants behind them."""

from datetime import timedelta

import pytest

from bot.access.grants import Effect, Right
from bot.access.person import Person
from bot.access.policy import Standing
from tests.access.builders import (
    ALICE,
    BOB,
    GROUP,
    OTHER_TEAM,
    TEAM,
    Workspace,
    deny,
    give,
    readers_on,
)
from tests.conftest import NOON


async def person(database, user_id=ALICE, groups=None):
    people = readers_on(database, Workspace(), groups=groups).people
    return await people.read(TEAM, user_id)


async def test_a_person_without_grants_holds_no_right(sqlite_store):
    found = await person(sqlite_store)
    assert (found.held, found.grants) == (frozenset(), ())
    assert found.grant_of(Right.PII) is None
    assert found.deny_of(Right.PII) is None


@pytest.mark.parametrize(
    ("hours", "longest"), [([1, 8, 2], 8), ([1, None, 8], None), ([None, 8], None)]
)
async def test_the_grant_that_ends_last_is_returned(sqlite_store, hours, longest):
    for each in hours:
        await give(sqlite_store, lasting=timedelta(hours=each) if each else None)
    grant = (await person(sqlite_store)).grant_of(Right.PII)
    assert grant.expires_at == (NOON + timedelta(hours=longest) if longest else None)


async def test_grants_of_another_right_or_workspace_are_not_returned(sqlite_store):
    ending = await give(sqlite_store, lasting=timedelta(hours=1))
    admin = await give(sqlite_store, right=Right.ADMIN)
    await give(sqlite_store, team=OTHER_TEAM)
    found = await person(sqlite_store)
    assert (found.grant_of(Right.PII), found.grants) == (ending, (ending, admin))


async def test_a_deny_counts_for_every_standing_and_a_grant_only_where_rights_do(sqlite_store):
    granted, denied = await give(sqlite_store), await deny(sqlite_store, BOB)
    outsider = Person(Standing.EXTERNAL, frozenset(), (granted, denied))
    assert [outsider.is_counted(each) for each in (granted, denied)] == [False, True]


async def test_a_recent_reading_has_the_rights_and_the_grants_that_give_them(sqlite_store):
    pii = await give(sqlite_store)
    admin = await give(sqlite_store, BOB, right=Right.ADMIN)
    people = readers_on(sqlite_store, Workspace()).people
    for user_id, right, grant in ((ALICE, Right.PII, pii), (BOB, Right.ADMIN, admin)):
        found = await people.recent(TEAM, user_id)
        assert found == Person(Standing.MEMBER, frozenset({right}), grants=(grant,))
    assert (await people.recent(OTHER_TEAM, ALICE)).held == frozenset()


@pytest.mark.parametrize("effect", Effect)
async def test_a_grant_or_deny_of_a_group_concerns_its_members_only(sqlite_store, effect):
    given = await give(sqlite_store, GROUP, effect=effect)
    alice, bob = [await person(sqlite_store, each, {GROUP: {ALICE}}) for each in (ALICE, BOB)]
    assert (alice.grants, bob.grants) == ((given,), ())
    assert alice.grant_of(Right.PII) == (given if effect is Effect.GRANT else None)


async def test_a_grant_to_a_group_does_not_count_for_its_giver(sqlite_store):
    await give(sqlite_store, GROUP, by=ALICE)
    groups = {GROUP: {ALICE, BOB}}
    assert (await person(sqlite_store, ALICE, groups)).grants == ()
    assert (await person(sqlite_store, BOB, groups)).held == {Right.PII}


async def test_a_deny_beats_the_grant_and_is_returned(sqlite_store):
    await give(sqlite_store)
    denied = await deny(sqlite_store)
    found = await person(sqlite_store)
    assert (found.held, found.grant_of(Right.PII)) == (frozenset(), None)
    assert found.deny_of(Right.PII) == denied
    assert found.deny_of(Right.ADMIN) is None


async def test_a_denied_group_that_cannot_be_read_concerns_everybody(sqlite_store):
    await give(sqlite_store)
    perhaps = await deny(sqlite_store, GROUP)
    found = await person(sqlite_store, groups={GROUP: None})
    assert found.held == frozenset()
    assert (found.deny_of(Right.PII), found.is_uncertain(perhaps)) == (perhaps, True)

    certain = await deny(sqlite_store)
    found = await person(sqlite_store, groups={GROUP: None})
    assert (found.deny_of(Right.PII), found.is_uncertain(certain)) == (certain, False)
