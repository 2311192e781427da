"""The quick question says yes only where the slow one would, on both databases."""

from datetime import timedelta

import pytest

from bot.access.all_named import are_all_named
from bot.access.grants import Right
from bot.access.named import read_named
from tests.access.builders import ALICE, BOB, GROUP, TEAM, deny, give
from tests.conftest import NOON

HOUR = timedelta(hours=1)


async def nothing(_) -> None:
    """Only what everybody here has: Alice and Bob hold a grant of their own."""


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
        pytest.param(a_denied_group, False, id="a denied group may hold anybody"),
    ],
)
async def test_all_are_named_where_each_has_a_grant_and_nothing_is_denied(
    database, happens, answer
):
    for user_id in (ALICE, BOB):
        await give(database, user_id)
    await happens(database)
    assert await all_named(database, ALICE, BOB) is answer
    assert await slowly(database, ALICE, BOB) is answer


async def test_somebody_without_a_grant_is_enough_for_a_no(database):
    await give(database, ALICE)
    await give(database, ALICE)
    assert await all_named(database, ALICE)
    assert not await all_named(database, ALICE, BOB)
    assert not await all_named(database, BOB)


async def test_a_deny_alone_is_no_grant(database):
    await deny(database, ALICE)
    assert not await all_named(database, ALICE)


async def test_a_grant_counts_until_it_ends_and_not_after(database):
    await give(database, ALICE, lasting=HOUR)
    assert await all_named(database, ALICE)
    assert await all_named(database, ALICE, now=NOON + HOUR - timedelta(seconds=1))
    assert not await all_named(database, ALICE, now=NOON + HOUR)


async def test_a_grant_of_another_workspace_or_right_is_none(database):
    await give(database, ALICE)
    assert not await all_named(database, ALICE, team_id="T0OTHER00")
    assert not await all_named(database, ALICE, right=Right.ADMIN)


@pytest.mark.parametrize("user_id", ["U1,U2", 'U"1', "U'1", "U\\1", "U%1", "Ué", "U:now"])
async def test_an_id_is_what_it_is_and_no_part_of_the_query(database, user_id):
    await give(database, "U1")
    assert not await all_named(database, user_id)
    await give(database, user_id)
    assert await all_named(database, user_id, "U1")


async def all_named(
    database, *user_ids: str, team_id: str = TEAM, right: Right = Right.PII, now=NOON
) -> bool:
    async with database.read() as session:
        return await are_all_named(session, team_id, right, user_ids, now)


async def slowly(database, *user_ids: str) -> bool:
    async with database.read() as session:
        named = await read_named(session, TEAM, Right.PII, user_ids, NOON)
    return named.granted >= set(user_ids) and not named.denied and not named.denied_groups
