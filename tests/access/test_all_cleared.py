"""The single query returns True only if reading every person would, on both databases."""

from datetime import timedelta

import pytest

from bot.access import all_cleared as all_cleared_module
from bot.access.all_cleared import are_all_cleared
from bot.access.grants import Right
from bot.access.policy import Standing, may_listen
from bot.access.standings import STANDING_VALID_FOR
from bot.store.database import Database
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

MINUTES = timedelta(minutes=5)


async def nothing(_) -> None:
    """Alice and Bob have a grant by name."""


async def twice(database) -> None:
    await give(database, ALICE)


async def another_right(database) -> None:
    await deny(database, ALICE, right=Right.ADMIN)


async def a_deny_by_name(database) -> None:
    await deny(database, BOB)


async def a_deny_of_somebody_else(database) -> None:
    await deny(database, "U0OTHER00")


async def a_denied_group(database) -> None:
    await deny(database, GROUP)


async def a_granted_group(database) -> None:
    await give(database, GROUP)


@pytest.mark.parametrize(
    ("happens", "answer"),
    [
        pytest.param(nothing, True, id="a grant each is enough"),
        pytest.param(twice, True, id="two grants of one person count once"),
        pytest.param(another_right, True, id="a deny of another right says nothing"),
        pytest.param(a_deny_of_somebody_else, True, id="somebody else's deny says nothing"),
        pytest.param(a_granted_group, True, id="a granted group adds nothing"),
        pytest.param(a_deny_by_name, False, id="a deny beats the grant beside it"),
        pytest.param(a_denied_group, False, id="a denied group may hold anybody, or nobody"),
    ],
)
async def test_all_are_cleared_if_each_has_a_grant_and_nothing_is_denied(database, happens, answer):
    for user_id in (ALICE, BOB):
        await give(database, user_id)
    await remember(database, ALICE, BOB)
    await happens(database)
    assert await all_cleared(database, ALICE, BOB) is answer
    assert await slowly(database, ALICE, BOB) is (answer or happens is a_denied_group)


async def test_not_all_are_cleared_if_one_person_has_no_grant(database):
    await give(database, ALICE)
    await give(database, ALICE)
    await remember(database, ALICE, BOB)
    assert await all_cleared(database, ALICE)
    assert not await all_cleared(database, ALICE, BOB)
    assert not await all_cleared(database, BOB)


async def test_a_person_with_only_a_deny_is_not_cleared(database):
    await deny(database, ALICE)
    await remember(database, ALICE)
    assert not await all_cleared(database, ALICE)


async def test_a_grant_counts_until_it_ends_and_not_after(database):
    await give(database, ALICE, lasting=MINUTES)
    await remember(database, ALICE)
    assert await all_cleared(database, ALICE)
    assert await all_cleared(database, ALICE, now=NOON + MINUTES - timedelta(seconds=1))
    assert not await all_cleared(database, ALICE, now=NOON + MINUTES)


async def test_a_grant_of_another_workspace_or_right_does_not_count(database):
    await give(database, ALICE, right=Right.ADMIN)
    await give(database, BOB, team=OTHER_TEAM)
    await remember(database, ALICE, BOB)
    assert not await all_cleared(database, ALICE)
    assert not await all_cleared(database, BOB)


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("granted", [None, ALICE, GROUP])
@pytest.mark.postgresql_at_length
async def test_all_cleared_agrees_with_may_listen_on_each_standing(database, standing, granted):
    """It agrees with the rule, except for members of groups, whose rights are read one by one."""
    if granted:
        await give(database, granted)
    await give(database, BOB)
    await remember(database, ALICE, BOB, standings={ALICE: standing})
    is_quick = granted != GROUP or standing is Standing.BOT
    answer = await slowly(database, ALICE, BOB, groups={GROUP: {ALICE}})
    assert await all_cleared(database, ALICE, BOB) is (answer and is_quick)


async def test_a_missing_or_old_standing_or_one_of_another_workspace_does_not_count(database):
    for user_id in (ALICE, BOB):
        await give(database, user_id)
    await remember(database, ALICE)
    await remember(database, BOB, team=OTHER_TEAM)
    assert await all_cleared(database, ALICE)
    assert not await all_cleared(database, ALICE, BOB)
    last = NOON + STANDING_VALID_FOR - timedelta(microseconds=1)
    assert await all_cleared(database, ALICE, now=last)
    assert not await all_cleared(database, ALICE, now=NOON + STANDING_VALID_FOR)


async def test_an_invalidated_standing_does_not_count(database):
    await give(database, ALICE)
    await remember(database, ALICE)
    standings = readers_on(database, Workspace()).standings
    assert await standings.changed(TEAM, ALICE, Standing.GUEST)
    assert not await all_cleared(database, ALICE)


@pytest.mark.parametrize("user_id", ["U1,U2", 'U"1', "U'1", "U\\1", "U%1", "Ué", "U:now"])
async def test_an_id_with_sql_in_it_does_not_change_the_query(database, user_id):
    await give(database, "U1")
    await remember(database, "U1", user_id)
    assert not await all_cleared(database, user_id)
    await give(database, user_id)
    assert await all_cleared(database, user_id, "U1")


async def test_not_all_are_cleared_if_one_of_many_people_has_no_grant(database, monkeypatch):
    monkeypatch.setattr(all_cleared_module, "TOGETHER", 10)
    crowd = [f"U{number:08d}" for number in range(12)]
    robots = dict.fromkeys(crowd, Standing.BOT)
    await remember(database, *crowd, standings=robots)
    assert await all_cleared(database, *crowd)
    for stranger in ("U0", "U9"):
        assert not await all_cleared(database, *crowd, stranger)


async def remember(database: Database, *user_ids: str, standings=None, team: str = TEAM) -> None:
    known = readers_on(database, Workspace(standings=standings or {})).standings
    async for _ in known.learn(team, user_ids):
        pass


async def all_cleared(database, *user_ids: str, now=NOON) -> bool:
    return await are_all_cleared(database, TEAM, user_ids, now=now, since=now - STANDING_VALID_FOR)


async def slowly(database, *user_ids: str, groups=None) -> bool:
    readers = readers_on(database, Workspace(), groups=groups or {GROUP: set()})
    holders = await readers.rights.holders(TEAM, Right.PII, user_ids)
    known = await readers.standings.stored(TEAM, user_ids)
    return all(may_listen(known.get(each), holders.of(each)) for each in user_ids)
