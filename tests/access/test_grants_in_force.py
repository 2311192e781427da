"""The query of a decision: the people and groups it returns, and its use of the index."""

import pytest
from sqlalchemy import text

from bot.access.grants import Effect, Right
from bot.access.grants_in_force import GrantsInForce, named_admins, read_grants_in_force
from bot.store.database import Database
from tests.access.builders import ALICE, BOB, BOSS, CAROL, GROUP, TEAM, deny, give
from tests.conftest import NOON
from tests.statements import plan_of, statements_on


async def named(database: Database, *user_ids: str, right: Right = Right.PII) -> GrantsInForce:
    async with database.read() as session:
        return await read_grants_in_force(session, TEAM, right, user_ids, NOON)


async def test_reading_grants_returns_all_groups_and_the_requested_people(database):
    for user_id in (ALICE, BOB, CAROL):
        await give(database, user_id)
    await deny(database, BOB)
    await give(database, GROUP)
    await deny(database, "S0OTHERS0")
    assert await named(database, ALICE, BOB) == GrantsInForce(
        granted=frozenset({ALICE, BOB}),
        denied=frozenset({BOB}),
        granted_groups=frozenset({(GROUP, BOSS)}),
        denied_groups=frozenset({"S0OTHERS0"}),
    )
    nothing = GrantsInForce(frozenset(), frozenset(), frozenset(), frozenset())
    assert await named(database, ALICE, right=Right.ADMIN) == nothing


@pytest.mark.parametrize("user_id", ["U1,U2", 'U"1', "U'1", "U\\1", "U%1", "Ué", "U:now"])
async def test_an_id_with_sql_in_it_does_not_change_the_query(database, user_id):
    await give(database, user_id)
    await give(database, "U1")
    assert (await named(database, user_id)).granted == {user_id}


async def test_several_grants_of_one_person_return_one_id(database):
    await give(database)
    await give(database)
    await deny(database)
    found = await named(database, ALICE, ALICE)
    assert (found.granted, found.denied) == ({ALICE}, {ALICE})


async def test_a_group_is_returned_once_for_each_giver(database):
    for giver in (BOSS, BOSS, 'U"é,'):
        await give(database, GROUP, by=giver)
    await give(database, GROUP, by=CAROL, right=Right.ADMIN)
    found = await named(database)
    assert found.granted_groups == {(GROUP, BOSS), (GROUP, 'U"é,')}


async def test_the_admins_by_name_are_found_among_all_others(database):
    for user_id, effect in ((ALICE, Effect.GRANT), (BOB, Effect.GRANT), (BOB, Effect.DENY)):
        await give(database, user_id, right=Right.ADMIN, effect=effect)
    await give(database, CAROL)
    async with database.read() as session:
        assert await named_admins(session, TEAM, frozenset({BOSS}), NOON) == {ALICE, BOSS}


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_sqlite_uses_the_indexes_even_if_nearly_all_grants_are_alike(
    sqlite_store, is_analyzed
):
    for number in range(40):
        await give(sqlite_store, f"U0PERSON{number:02d}")
    await give(sqlite_store, ALICE, right=Right.ADMIN)
    async with sqlite_store.write() as session:
        if is_analyzed:
            await session.execute(text("ANALYZE"))
    with statements_on(sqlite_store) as sent:
        await named(sqlite_store, ALICE, BOB)
        async with sqlite_store.read() as session:
            await named_admins(session, TEAM, frozenset(), NOON)
    plans = []
    for statement, parameters in sent:
        plans += await plan_of(sqlite_store, statement, parameters)
    assert not [step for step in plans if "SCAN grants" in step]
    assert [step for step in plans if "COVERING INDEX ix_grants_live (subject_id=?" in step]
    for index in ("ix_grants_live_groups", "ix_grants_live_admins"):
        assert [step for step in plans if f"USING INDEX {index} " in step]
    # PostgreSQL uses the partial index only for a literal, not for a parameter.
    assert [statement for statement, _ in sent if """"right" = 'admin'""" in statement]
