"""Grants: each change writes its audit event, or nothing. Who holds a right: test_rights."""

import asyncio
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from bot.access.grant_pages import list_grants
from bot.access.grants import (
    Effect,
    Grant,
    NothingToRevoke,
    Right,
    SelfGrantRefused,
    Subject,
    SubjectKind,
    add_grant,
    revoke,
    revoke_all,
)
from bot.audit.log import AuditFilter, newest_events
from bot.audit.verify import verify
from tests.access.builders import (
    ALICE,
    BOB,
    BOSS,
    CAROL,
    GROUP,
    OTHER_TEAM,
    TEAM,
    deny,
    give,
    new_grant,
    rights_on,
    subject,
    who_holds,
    written,
)
from tests.conftest import NOON

HOUR = timedelta(hours=1)
MEMBERS = {GROUP: {ALICE, BOB}}


async def test_a_revocation_ends_grants_and_denies_and_a_second_one_fails(database):
    await give(database, ALICE)
    await deny(database, ALICE)
    await give(database, BOB)
    await give(database, ALICE, right=Right.ADMIN)
    await give(database, ALICE, team=OTHER_TEAM)
    alike = replace(new_grant(ALICE), subject=Subject(TEAM, SubjectKind.GROUP, ALICE))
    async with database.write() as session:
        await add_grant(session, alike)
    async with database.write() as session:
        ended = await revoke(session, subject(ALICE), Right.PII, by=BOSS, now=NOON + HOUR)
    assert ended == 2
    assert await who_holds(database, at=NOON + HOUR, groups={ALICE: set()}) == {BOB}
    grants, tags = await written(database)
    assert [(row.subject_id, row.revoked_by, row.revoked_at) for row in grants] == [
        (ALICE, BOSS, NOON + HOUR),
        (ALICE, BOSS, NOON + HOUR),
        (BOB, None, None),
        (ALICE, None, None),  # another right
        (ALICE, None, None),  # another workspace
        (ALICE, None, None),  # a group
    ]
    assert tags[-2:] == ["admin:grant:revoked"] * 2
    with pytest.raises(NothingToRevoke):
        async with database.write() as session:
            await revoke(session, subject(ALICE), Right.PII, by=BOSS, now=NOON + HOUR)
    assert len((await written(database))[1]) == len(tags)


async def test_revoking_all_ends_every_grant_and_keeps_denies(database):
    await give(database, ALICE)
    await give(database, BOB, now=NOON + 2 * HOUR)
    await give(database, CAROL, lasting=HOUR / 2)
    await give(database, ALICE, team=OTHER_TEAM)
    await deny(database, CAROL)
    await give(database, BOB, lasting=2 * HOUR)
    await give(database, BOB, lasting=HOUR)
    await give(database, "U0GONE000")
    async with database.write() as session:
        await revoke(session, subject("U0GONE000"), Right.PII, by=BOSS, now=NOON)
    async with database.write() as session:
        assert await revoke_all(session, TEAM, by=BOSS, now=NOON + HOUR) == 3

    grants, tags = await written(database)
    assert [(row.subject_id, row.revoked_at) for row in grants] == [
        (ALICE, NOON + HOUR),
        (BOB, NOON + HOUR),
        (CAROL, None),  # had ended by itself
        (ALICE, None),  # of another workspace
        (CAROL, None),  # a deny
        (BOB, NOON + HOUR),
        (BOB, None),  # ends by itself now
        ("U0GONE000", NOON),  # was revoked before
    ]
    assert tags.count("admin:grant:revoked") == 1 + 3


async def test_grants_and_denies_of_a_group_count_in_its_workspace_until_revoked(database):
    await give(database, GROUP)
    for team in (TEAM, OTHER_TEAM):
        await give(database, ALICE, team=team)
    await deny(database, GROUP)
    assert await who_holds(database, groups=MEMBERS) == set()
    assert await who_holds(database, groups=MEMBERS, team=OTHER_TEAM) == {ALICE}
    async with database.write() as session:
        assert await revoke(session, subject(GROUP), Right.PII, by=BOSS, now=NOON) == 2
    assert await who_holds(database, groups=MEMBERS) == {ALICE}


async def test_an_ended_group_deny_or_one_of_another_right_has_no_effect(sqlite_store):
    await give(sqlite_store, ALICE)
    await deny(sqlite_store, GROUP, now=NOON - HOUR, lasting=HOUR)
    await deny(sqlite_store, GROUP, right=Right.ADMIN)
    assert await who_holds(sqlite_store, groups=MEMBERS) == {ALICE}


async def test_no_people_have_no_grants(sqlite_store):
    await give(sqlite_store, ALICE)
    assert await rights_on(sqlite_store).holders(TEAM, Right.PII, []) == {}


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
    ("effect", "tag"), [(Effect.GRANT, "admin:grant:added"), (Effect.DENY, "admin:grant:denied")]
)
async def test_each_grant_and_deny_is_audited_with_giver_subject_and_right(database, effect, tag):
    grant = await give(database, ALICE, effect=effect, lasting=HOUR)
    async with database.read() as session:
        (event,) = await newest_events(session, AuditFilter(), 9)
    assert (event.tag, event.actor_id, event.team_id, event.occurred_at) == (tag, BOSS, TEAM, NOON)
    assert event.payload == {
        "grant_id": grant.id,
        "subject_kind": "user",
        "subject_id": ALICE,
        "right": "pii",
        "effect": effect.value,
        "expires_at": "2026-06-03T13:00:00+00:00",
    }


class TurnedBack(Exception):
    pass


async def test_a_change_that_is_rolled_back_leaves_neither_a_right_nor_an_event(database):
    with suppress(TurnedBack):
        async with database.write() as session:
            await add_grant(session, new_grant())
            raise TurnedBack
    assert await written(database) == ([], [])

    await give(database)
    with suppress(TurnedBack):
        async with database.write() as session:
            await revoke(session, subject(), Right.PII, by=BOSS, now=NOON)
            raise TurnedBack
    (grant,), tags = await written(database)
    assert grant.revoked_at is None
    assert tags == ["admin:grant:added"]
    assert await who_holds(database) == {ALICE}


async def test_the_list_shows_grants_in_force_and_optionally_ended_ones(sqlite_store):
    await give(sqlite_store, ALICE, lasting=HOUR)
    await give(sqlite_store, BOB)
    await give(sqlite_store, BOB, team=OTHER_TEAM)
    await give(sqlite_store, CAROL, team="T0LATER", now=NOON + 2 * HOUR)

    async def listed(**wanted):
        async with sqlite_store.read() as session:
            grants = await list_grants(session, now=NOON + HOUR, **wanted)
        return [(grant.subject.team_id, grant.subject.id) for grant in grants]

    assert await listed(team_id=None, ended=False) == [(TEAM, BOB), (OTHER_TEAM, BOB)]
    assert await listed(team_id=TEAM, ended=False) == [(TEAM, BOB)]
    assert await listed(team_id=TEAM, ended=True) == [(TEAM, ALICE), (TEAM, BOB)]
    assert await listed(team_id="T0NOBODY", ended=True) == []
    assert await listed(team_id="T0LATER", ended=False) == []


async def test_a_listed_grant_is_frozen_and_equals_the_stored_one(database):
    given = await give(database, ALICE, lasting=HOUR)
    assert given == Grant(
        id=given.id,
        subject=subject(ALICE),
        right=Right.PII,
        effect=Effect.GRANT,
        given_by=BOSS,
        reason="call quality",
        starts_at=NOON,
        expires_at=NOON + HOUR,
        revoked_by=None,
        revoked_at=None,
    )
    async with database.read() as session:
        assert await list_grants(session, team_id=TEAM, now=NOON, ended=False) == (given,)
    with pytest.raises(FrozenInstanceError):
        given.right = Right.ADMIN

    later = await give(database, BOB)
    async with database.write() as session:
        await revoke(session, subject(ALICE), Right.PII, by=BOSS, now=NOON)
    async with database.read() as session:
        ended = await list_grants(session, team_id=TEAM, now=NOON, ended=True)
    assert ended == (replace(given, revoked_by=BOSS, revoked_at=NOON), later)


async def test_one_of_many_concurrent_revocations_ends_the_grant_and_the_others_fail(database):
    async with database.write() as session:
        await add_grant(session, new_grant())

    async def end(minute: int) -> int:
        async with database.write() as session:
            now = NOON + timedelta(minutes=minute)
            return await revoke(session, subject(ALICE), Right.PII, by=BOSS, now=now)

    ended = await asyncio.gather(*(end(minute) for minute in range(5)), return_exceptions=True)

    assert sorted(str(type(each).__name__) for each in ended) == ["NothingToRevoke"] * 4 + ["int"]
    async with database.read() as session:
        tags = [event.tag for event in await newest_events(session, AuditFilter(), 100)]
        assert [each async for each in verify(session)] == []
    assert tags.count("admin:grant:revoked") == 1
