"""Admins change rights; nobody grants themselves `pii`, and one admin always remains."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.access.administration import Actor, NotAdmin
from bot.access.changing import LastAdminKept
from bot.access.grants import Effect, NothingToRevoke, OwnDenyKept, Right, SelfGrantRefused, revoke
from bot.access.policy import Standing
from bot.store.database import Database
from bot.store.idempotency import AlreadyDone
from bot.store.tables import GrantRow
from tests.access.builders import (
    TEAM,
    Silent,
    Workspace,
    checks_due,
    events_on,
    give,
    readers_on,
    subject,
)
from tests.access.outside import World
from tests.conftest import NOON

pytestmark = pytest.mark.postgresql_at_length

GROUP, OTHERS = "S0ADMINS", "S0OTHERS"
BOSS, ALICE, BOB = (Actor(TEAM, None, each) for each in ("U0BOSS", "U0ALICE", "U0BOB"))
MINUTE = timedelta(minutes=1)


class AdministrationSetup:
    """An administration, and the checks that follow a change of rights."""

    def __init__(self, database: Database, *first_admins: str) -> None:
        self.database = database
        self.world = World(standing={}, channels={}, groups={GROUP: {"U0BOB"}, OTHERS: {"U0ALICE"}})
        self.people = Workspace()
        readers = readers_on(database, self.people, groups=self.world, first_admins=first_admins)
        self.admin = readers.administration

    async def appoint(self, subject_id: str, lasting: timedelta | None = None) -> None:
        await give(self.database, subject_id, right=Right.ADMIN, by="cli:ops", lasting=lasting)

    async def give(
        self, actor: Actor, who: str, right: Right = Right.PII, effect: Effect = Effect.GRANT
    ) -> None:
        await self.admin.give(actor, subject(who), right, effect, lasting=None, reason="why")

    async def take_admin(self, verb: str, subject_id: str, by: Actor = BOB) -> None:
        if verb == "revoke":
            await self.admin.revoke(by, subject(subject_id), Right.ADMIN)
        else:
            await self.give(by, subject_id, Right.ADMIN, Effect.DENY)

    async def codes(self) -> list[tuple[str, str, str]]:
        """The refused changes: actor, change and code."""
        refused = [
            row for row in await events_on(self.database) if row.tag == "admin:grant:refused"
        ]
        return [(row.actor_id, row.payload["action"], row.payload["code"]) for row in refused]

    async def audit(self) -> list[tuple[str, str]]:
        return [(row.tag, row.actor_id) for row in await events_on(self.database)]


async def test_a_refusal_is_audited_with_the_action(database):
    setup = AdministrationSetup(database, BOSS.user_id)

    for attempt in (
        lambda: setup.give(ALICE, BOB.user_id),
        lambda: setup.give(ALICE, BOB.user_id, effect=Effect.DENY),
        lambda: setup.admin.revoke(ALICE, subject(BOB.user_id), Right.PII),
        lambda: setup.admin.who(ALICE, BOB.user_id),
        lambda: setup.admin.list(ALICE, 30),
    ):
        with pytest.raises(NotAdmin):
            await attempt()

    assert await setup.audit() == [("slack:admin:refused", ALICE.user_id)] * 5
    rows = await events_on(database)
    assert [row.payload["action"] for row in rows] == ["grant", "deny", "revoke", "who", "list"]
    assert {row.payload["code"] for row in rows} == {"not_admin"}
    assert await checks_due(database) == []


@pytest.mark.both_databases
async def test_nobody_gives_themselves_pii_not_even_an_admin(database):
    setup = AdministrationSetup(database, BOSS.user_id)

    with pytest.raises(SelfGrantRefused):
        await setup.give(BOSS, BOSS.user_id)
    await setup.give(BOSS, BOSS.user_id, effect=Effect.DENY)

    assert await setup.audit() == [
        ("admin:grant:refused", BOSS.user_id),
        ("admin:grant:denied", BOSS.user_id),
    ]
    assert (await events_on(database))[0].payload == {
        "action": "grant",
        "code": "self_grant",
        "right": "pii",
        "subject_kind": "user",
        "subject_id": BOSS.user_id,
    }


@pytest.mark.parametrize(
    ("denied", "away", "kept"),
    [
        pytest.param(BOB.user_id, False, True, id="by name"),
        pytest.param(GROUP, False, True, id="through a group they are in"),
        pytest.param(OTHERS, True, True, id="through a group that cannot be read"),
        pytest.param(OTHERS, False, False, id="a group without the actor"),
        pytest.param(ALICE.user_id, False, False, id="a deny of another person"),
    ],
)
@pytest.mark.both_databases
async def test_nobody_lifts_a_deny_of_pii_that_applies_to_themselves(database, denied, away, kept):
    setup = AdministrationSetup(database, "U0BOB", "U0BOSS")
    await setup.give(BOSS, BOB.user_id)
    await setup.give(BOSS, denied, effect=Effect.DENY)
    setup.world.away = frozenset({"group"} if away else ())
    await checks_due(database)

    if kept:
        with pytest.raises(OwnDenyKept):
            await setup.admin.revoke(BOB, subject(denied), Right.PII)
        assert await setup.codes() == [("U0BOB", "revoke", "own_deny")]
        assert [tag for tag, _ in await setup.audit()].count("admin:grant:revoked") == 0
        assert await checks_due(database) == [], "nothing changed since the deny"
    else:
        await setup.admin.revoke(BOB, subject(denied), Right.PII)

    setup.world.away = frozenset()
    if kept:
        assert await setup.admin.revoke(BOSS, subject(denied), Right.PII) >= 1, "another admin may"


async def test_an_admin_may_revoke_their_own_grant(database):
    setup = AdministrationSetup(database, "U0BOB", "U0BOSS")
    for each in (BOB.user_id, GROUP):
        await setup.give(BOSS, each)
        assert await setup.admin.revoke(BOB, subject(each), Right.PII) == 1
    assert await setup.codes() == []


@pytest.mark.both_databases
async def test_revoking_a_right_that_is_not_in_force_is_audited_and_changes_nothing(database):
    setup = AdministrationSetup(database, BOSS.user_id)

    with pytest.raises(NothingToRevoke):
        await setup.admin.revoke(BOSS, subject(ALICE.user_id), Right.PII)

    assert await setup.codes() == [(BOSS.user_id, "revoke", "nothing_to_revoke")]
    assert await checks_due(database) == []


async def test_a_change_is_audited_and_schedules_a_check(database):
    setup = AdministrationSetup(database, BOSS.user_id)

    await setup.give(BOSS, ALICE.user_id)
    assert await checks_due(database) == [TEAM]
    await setup.admin.revoke(BOSS, subject(ALICE.user_id), Right.PII)
    assert await checks_due(database) == [TEAM]

    assert await setup.audit() == [
        ("admin:grant:added", BOSS.user_id),
        ("admin:grant:revoked", BOSS.user_id),
    ]


def row(sentence, *acts, **admins):
    """A table's row: the changes in their order, and the admins before them."""
    return pytest.param(acts, admins, id=sentence)


async def before_the_last_of(
    acts, database, *, first=(), appointed=(), temporary=(), is_away=False
) -> AdministrationSetup:
    """An administration after all changes but the last one."""
    setup = AdministrationSetup(database, *first)
    for each in appointed:
        await setup.appoint(each)
    for each in temporary:
        await setup.appoint(each, MINUTE)
    setup.world.away = frozenset({"group"} if is_away else ())
    for act in acts[:-1]:
        await setup.take_admin(*act)
    return setup


@pytest.mark.parametrize(
    ("acts", "admins"),
    [
        row("the only one, by grant", ("revoke", "U0BOB"), appointed=["U0BOB"]),
        row("the only one, denied", ("deny", "U0BOB"), appointed=["U0BOB"]),
        row("the only one, named where the bot runs", ("deny", "U0BOB"), first=["U0BOB"]),
        row("a group may be emptied", ("revoke", "U0BOB"), appointed=["U0BOB", GROUP]),
        row("one remains for now", ("revoke", "U0BOB"), appointed=["U0BOB"], temporary=["U0ALICE"]),
        row(
            "the last temporary one",
            ("revoke", "U0ALICE"),
            ("revoke", "U0BOB"),
            temporary=["U0BOB", "U0ALICE"],
        ),
        row("a group with every admin", ("deny", GROUP), first=["U0BOB"]),
        row(
            "several groups with all admins together",
            ("deny", GROUP, ALICE),
            ("deny", OTHERS, ALICE),
            first=["U0BOB", "U0ALICE"],
        ),
        row(
            "the remaining admin is in a denied group",
            ("deny", OTHERS),
            ("revoke", "U0BOB"),
            first=["U0ALICE"],
            appointed=["U0BOB"],
        ),
        row(
            "an unreadable group may contain every admin",
            ("deny", OTHERS),
            first=["U0BOB", "U0BOSS"],
            is_away=True,
        ),
    ],
)
async def test_a_change_that_would_leave_no_admin_is_refused_and_audited(database, acts, admins):
    setup = await before_the_last_of(acts, database, **admins)
    before = await setup.audit()
    verb, subject_id, *by = acts[-1]
    actor = by[0] if by else BOB
    with pytest.raises(LastAdminKept):
        await setup.take_admin(verb, subject_id, actor)
    assert await setup.audit() == [*before, ("admin:grant:refused", actor.user_id)]
    assert await setup.codes() == [(actor.user_id, verb, "last_admin")]
    assert await setup.admin.is_admin(actor)


@pytest.mark.parametrize(
    ("acts", "admins"),
    [
        row("an admin by grant", ("revoke", "U0BOB"), appointed=["U0BOB", "U0ALICE"]),
        row("an admin of the settings", ("revoke", "U0BOB"), first=["U0BOSS"], appointed=["U0BOB"]),
        row("one of two in the settings", ("deny", "U0BOB"), first=["U0BOSS", "U0BOB"]),
        row("one of two for now", ("revoke", "U0ALICE"), temporary=["U0BOB", "U0ALICE"]),
        row("one outside of the group", ("deny", GROUP, BOSS), first=["U0BOB", "U0BOSS"]),
    ],
)
async def test_a_change_after_which_an_admin_remains_is_made(database, acts, admins):
    setup = await before_the_last_of(acts, database, **admins)
    await setup.take_admin(*acts[-1])
    assert await setup.codes() == []


ALICES = "standing of U0ALICE"


@pytest.mark.parametrize(
    ("alice", "failing", "kept"),
    [
        pytest.param(Standing.MEMBER, [], False, id="a member is a remaining admin"),
        pytest.param(Standing.GUEST, [], False, id="so is a guest with a grant by name"),
        pytest.param(Standing.DEACTIVATED, [], True, id="a deactivated person is not"),
        pytest.param(Standing.EXTERNAL, [], True, id="an external person is not"),
        pytest.param(Standing.BOT, [], True, id="a bot is not"),
        pytest.param(Standing.UNKNOWN, [], True, id="a person of unknown standing is not"),
        pytest.param(Standing.MEMBER, [ALICES], True, id="a person whom Slack does not return"),
    ],
)
@pytest.mark.parametrize("act", [("revoke", "U0BOB"), ("deny", "U0BOB"), ("deny", GROUP)])
async def test_only_people_for_whom_admin_counts_are_remaining_admins(
    database, act, alice, failing, kept
):
    setup = AdministrationSetup(database, "U0ALICE")
    await setup.appoint("U0BOB")
    setup.people.standings = {"U0ALICE": alice}
    setup.people.failing = failing
    if kept:
        with pytest.raises(LastAdminKept):
            await setup.take_admin(*act)
        assert await setup.admin.is_admin(BOB)
    else:
        await setup.take_admin(*act)
        assert not await setup.admin.is_admin(BOB)


@pytest.mark.both_databases
async def test_an_admin_who_left_the_workspace_can_be_removed(database):
    setup = AdministrationSetup(database)
    for each in ("U0BOB", "U0ALICE"):
        await setup.appoint(each)
    setup.people.standings = {"U0ALICE": Standing.DEACTIVATED}
    await setup.take_admin("revoke", "U0ALICE")
    assert await setup.admin.is_admin(BOB)


@pytest.mark.both_databases
async def test_two_admins_who_remove_each_other_at_once_leave_one(database):
    for _ in range(5):
        setup = AdministrationSetup(database)
        for each in ("U0BOB", "U0ALICE"):
            await setup.appoint(each)

        acts = [
            setup.take_admin("revoke", "U0BOB", ALICE),
            setup.take_admin("revoke", "U0ALICE", BOB),
        ]
        done = await asyncio.gather(*acts, return_exceptions=True)

        assert sum(isinstance(each, BaseException) for each in done) == 1
        left = [each for each in (ALICE, BOB) if await setup.admin.is_admin(each)]
        assert len(left) == 1
        await setup.appoint("U0BOSS")
        await setup.admin.revoke(BOSS, subject(left[0].user_id), Right.ADMIN)
        async with database.write() as session:
            await revoke(session, subject("U0BOSS"), Right.ADMIN, by="cli:ops", now=NOON)


@pytest.mark.parametrize(
    ("standing", "by", "counts"),
    [
        pytest.param(Standing.MEMBER, GROUP, True, id="a member with a grant to a group"),
        pytest.param(Standing.GUEST, "U0BOB", True, id="a guest with a grant by name"),
        pytest.param(Standing.GUEST, None, True, id="a guest in CALLAUDIO_ADMINS"),
        pytest.param(Standing.GUEST, GROUP, False, id="a guest with a grant to a group"),
        pytest.param(Standing.EXTERNAL, "U0BOB", False, id="an external person"),
        pytest.param(Standing.DEACTIVATED, "U0BOB", False, id="a deactivated person"),
        pytest.param(Standing.BOT, "U0BOB", False, id="a bot"),
        pytest.param(Standing.UNKNOWN, "U0BOB", False, id="a person of unknown standing"),
    ],
)
async def test_admin_counts_for_members_and_guests_with_a_grant_by_name(
    database, standing, by, counts
):
    setup = AdministrationSetup(database, *(() if by else ("U0BOB",)))
    if by:
        await setup.appoint(by)
    setup.people.standings = {"U0BOB": standing}

    assert await setup.admin.is_admin(BOB) is counts
    if not counts:
        with pytest.raises(NotAdmin):
            await setup.admin.list(BOB, 30)
        assert ("slack:admin:refused", "U0BOB") in await setup.audit()


async def test_slack_is_not_asked_about_a_person_without_the_right(database):
    setup = AdministrationSetup(database, "U0BOSS")

    assert not await setup.admin.is_admin(BOB)
    assert setup.people.calls == []


async def test_an_admin_of_unknown_standing_changes_nothing(database):
    setup = AdministrationSetup(database, "U0BOSS")
    setup.people.failing = ["standing of U0BOSS"]

    with pytest.raises(Silent):
        await setup.give(BOSS, ALICE.user_id)
    assert await setup.audit() == []


@pytest.mark.both_databases
async def test_a_person_is_read_with_their_rights_and_the_grants_behind_them(database):
    setup = AdministrationSetup(database, BOSS.user_id)
    await setup.appoint(GROUP)
    await setup.give(BOSS, BOB.user_id)

    boss = await setup.admin.who(BOSS, BOSS.user_id)
    bob = await setup.admin.who(BOSS, BOB.user_id)
    alice = await setup.admin.who(BOSS, ALICE.user_id)

    assert (boss.is_first_admin, bob.is_first_admin) == (True, False)
    assert (boss.held, boss.grant_of(Right.ADMIN)) == ({Right.ADMIN}, None)
    assert bob.held == {Right.PII, Right.ADMIN}
    assert {grant.subject.id for grant in bob.grants} == {GROUP, BOB.user_id}
    assert (alice.held, alice.grants) == (frozenset(), ())


async def test_the_list_names_the_first_admins_in_order(sqlite_store):
    setup = AdministrationSetup(sqlite_store, "U0BOSS", "U0ALICE")
    assert (await setup.admin.list(BOSS, 30)).first_admins == ("U0ALICE", "U0BOSS")


async def test_a_grant_ends_after_its_duration_and_keeps_the_enterprise(sqlite_store):
    setup = AdministrationSetup(sqlite_store, "U0BOSS")
    boss = replace(BOSS, enterprise_id="E0QUALITY")
    given = await setup.admin.give(
        boss, subject("U0BOB"), Right.PII, Effect.GRANT, lasting=MINUTE, reason="why"
    )
    assert given.expires_at == NOON + MINUTE
    async with sqlite_store.read() as session:
        assert await session.scalar(select(GrantRow.enterprise_id)) == "E0QUALITY"


async def test_a_change_that_slack_sends_twice_is_made_once(sqlite_store):
    setup = AdministrationSetup(sqlite_store, "U0BOSS")
    once, then = (replace(BOSS, trigger_id=each) for each in ("1.2", "3.4"))

    await setup.give(once, "U0BOB")
    with pytest.raises(AlreadyDone):
        await setup.give(once, "U0BOB")
    assert await setup.admin.revoke(then, subject("U0BOB"), Right.PII) == 1
    await setup.give(BOSS, "U0BOB")
    with pytest.raises(AlreadyDone):
        await setup.admin.revoke(then, subject("U0BOB"), Right.PII)

    assert await setup.codes() == [
        ("U0BOSS", "grant", "already_done"),
        ("U0BOSS", "revoke", "already_done"),
    ]


async def test_a_change_of_pii_asks_slack_about_its_actor_only(sqlite_store):
    setup = AdministrationSetup(sqlite_store, "U0BOSS", "U0ALICE")
    await setup.give(BOSS, "U0BOB", effect=Effect.DENY)
    assert setup.people.calls == ["standing of U0BOSS"]
