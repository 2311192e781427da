"""Rights: who holds one when, and that each change leaves its audit event or nothing at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import (
    Effect,
    NothingToRevoke,
    Right,
    SelfGrantRefused,
    add_grant,
    holders,
    list_grants,
    revoke,
)
from bot.audit.log import AuditFilter, read_events
from bot.store.database import Database
from tests.access.builders import (
    ALICE,
    BOB,
    BOSS,
    GROUP,
    OTHER_TEAM,
    TEAM,
    deny,
    give,
    new_grant,
    subject,
    who_holds,
    written,
)
from tests.conftest import NOON

HOUR, INSTANT = timedelta(hours=1), timedelta(microseconds=1)


async def test_a_right_is_held_by_whom_it_was_given_to_and_by_nobody_else(database):
    await give(database, ALICE)
    assert await who_holds(database, ALICE, BOB) == {ALICE}
    assert await who_holds(database, ALICE, right=Right.ADMIN) == set()
    assert await who_holds(database, ALICE, team=OTHER_TEAM) == set()
    async with database.read() as session:
        from_nobody = await list_grants(session, team_id=OTHER_TEAM, now=NOON, ended=True)
    assert list(from_nobody) == []


async def test_a_deny_beats_every_grant_before_and_after_it(database):
    await give(database, ALICE)
    await deny(database, ALICE)
    await give(database, ALICE)
    await give(database, BOB)
    assert await who_holds(database) == {BOB}


async def test_a_right_starts_at_its_start_and_is_gone_at_the_instant_it_ends(database):
    await give(database, ALICE, now=NOON, lasting=HOUR)
    for at, held in (
        (NOON - INSTANT, set()),
        (NOON, {ALICE}),
        (NOON + HOUR - INSTANT, {ALICE}),
        (NOON + HOUR, set()),
    ):
        assert await who_holds(database, at=at) == held, at


async def test_what_is_revoked_is_gone_with_its_denies_and_nothing_is_left_to_revoke(database):
    await give(database, ALICE)
    await deny(database, ALICE)
    await give(database, BOB)
    async with database.write() as session:
        ended = await revoke(session, subject(ALICE), Right.PII, by=BOSS, now=NOON + HOUR)
    assert {(row.subject_id, row.revoked_by, row.revoked_at) for row in ended} == {
        (ALICE, BOSS, NOON + HOUR)
    }
    assert len(ended) == 2
    assert await who_holds(database, at=NOON + HOUR) == {BOB}
    _, tags = await written(database)
    assert tags[-2:] == ["admin:grant:revoked"] * 2
    with pytest.raises(NothingToRevoke):
        async with database.write() as session:
            await revoke(session, subject(ALICE), Right.PII, by=BOSS, now=NOON + HOUR)
    assert len((await written(database))[1]) == len(tags)


async def test_a_group_grant_gives_nothing_and_a_group_deny_takes_from_all_of_its_team(database):
    await give(database, GROUP)
    assert await who_holds(database) == set()
    await give(database, ALICE)
    await give(database, ALICE, team=OTHER_TEAM)
    await deny(database, GROUP)
    assert await who_holds(database) == set()
    assert await who_holds(database, team=OTHER_TEAM) == {ALICE}
    async with database.write() as session:
        await revoke(session, subject(GROUP), Right.PII, by=BOSS, now=NOON)
    assert await who_holds(database) == {ALICE}


async def test_a_group_deny_that_has_ended_or_is_for_another_right_takes_nothing(sqlite_store):
    await give(sqlite_store, ALICE)
    await deny(sqlite_store, GROUP, now=NOON - HOUR, lasting=HOUR)
    await deny(sqlite_store, GROUP, right=Right.ADMIN)
    assert await who_holds(sqlite_store) == {ALICE}


async def test_asking_about_nobody_names_nobody(sqlite_store):
    await give(sqlite_store, ALICE)
    async with sqlite_store.read() as session:
        assert await holders(session, TEAM, Right.PII, [], NOON) == frozenset()


async def test_nobody_gives_themselves_the_right_to_hear_raw(database):
    with pytest.raises(SelfGrantRefused) as refused:
        await give(database, BOSS, by=BOSS)
    assert refused.value.code == "self_grant"
    assert await written(database) == ([], [])


async def test_admins_may_make_themselves_admin_and_deny_themselves_raw(sqlite_store):
    await give(sqlite_store, BOSS, by=BOSS, right=Right.ADMIN)
    await deny(sqlite_store, BOSS, by=BOSS)
    assert await who_holds(sqlite_store, BOSS, right=Right.ADMIN) == {BOSS}
    assert await who_holds(sqlite_store, BOSS) == set()


@pytest.mark.parametrize(
    ("effect", "tag"),
    [(Effect.GRANT, "admin:grant:added"), (Effect.DENY, "admin:grant:denied")],
)
async def test_each_grant_and_deny_says_in_the_audit_log_who_gave_what_to_whom(
    database, effect, tag
):
    row = await give(database, ALICE, effect=effect, lasting=HOUR)
    async with database.read() as session:
        (event,) = await read_events(session, AuditFilter())
    assert (event.tag, event.actor_id, event.team_id, event.occurred_at) == (tag, BOSS, TEAM, NOON)
    assert event.payload == {
        "grant_id": row.id,
        "subject_kind": "user",
        "subject_id": ALICE,
        "right": "pii",
        "effect": effect.value,
        "expires_at": "2026-06-03T13:00:00+00:00",
    }


class TurnedBack(Exception):
    pass


@asynccontextmanager
async def turned_back(database: Database) -> AsyncIterator[AsyncSession]:
    """A transaction that fails after its work was done."""
    with suppress(TurnedBack):
        async with database.write() as session:
            yield session
            raise TurnedBack


async def test_a_change_that_is_rolled_back_leaves_neither_a_right_nor_an_event(database):
    async with turned_back(database) as session:
        await add_grant(session, new_grant())
    assert await written(database) == ([], [])

    await give(database)
    async with turned_back(database) as session:
        await revoke(session, subject(), Right.PII, by=BOSS, now=NOON)
    (grant,), tags = await written(database)
    assert grant.revoked_at is None
    assert tags == ["admin:grant:added"]
    assert await who_holds(database) == {ALICE}


async def test_the_list_shows_what_is_in_force_and_on_demand_all_that_ever_was(sqlite_store):
    await give(sqlite_store, ALICE, lasting=HOUR)
    await give(sqlite_store, BOB)
    await give(sqlite_store, BOB, team=OTHER_TEAM)

    async def listed(**wanted):
        async with sqlite_store.read() as session:
            rows = await list_grants(session, now=NOON + HOUR, **wanted)
        return [(row.team_id, row.subject_id) for row in rows]

    assert await listed(team_id=None, ended=False) == [(TEAM, BOB), (OTHER_TEAM, BOB)]
    assert await listed(team_id=TEAM, ended=False) == [(TEAM, BOB)]
    assert await listed(team_id=TEAM, ended=True) == [(TEAM, ALICE), (TEAM, BOB)]
