"""Admins change rights; nobody clears themselves, and somebody always remains an admin."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.access.administration import Actor, Administration, NotAdmin
from bot.access.grants import (
    Effect,
    LastAdminKept,
    NewGrant,
    Right,
    SelfGrantRefused,
    Subject,
    SubjectKind,
    add_grant,
)
from bot.access.rights import Rights
from bot.store.database import Database
from bot.store.tables import AuditEventRow
from tests.access.outside import World, WorldGroups
from tests.conftest import NOON

TEAM, GROUP = "T0QUALITY0", "S0ADMINS"
BOSS, ALICE, BOB = (Actor(TEAM, None, each) for each in ("U0BOSS", "U0ALICE", "U0BOB"))


class Office:
    """An administration, and who was told that rights changed."""

    def __init__(self, database: Database, *first_admins: str) -> None:
        self.database = database
        self.told: list[str] = []
        world = World(standing={}, channels={}, groups={GROUP: {"U0BOB"}})
        rights = Rights(
            database=database,
            groups=WorldGroups(world),
            clock=lambda: NOON,
            first_admins=frozenset(first_admins),
        )
        self.admin = Administration(
            database=database,
            rights=rights,
            clock=lambda: NOON,
            first_admins=frozenset(first_admins),
            on_rights_changed=self._tell,
        )

    async def _tell(self, team_id: str) -> None:
        self.told.append(team_id)

    async def appoint(self, subject_id: str, lasting: timedelta | None = None) -> None:
        new = NewGrant(
            subject=subject(subject_id),
            right=Right.ADMIN,
            effect=Effect.GRANT,
            given_by="cli:ops",
            reason="set up",
            now=NOON,
            expires_at=NOON + lasting if lasting else None,
        )
        async with self.database.write() as session:
            await add_grant(session, new)

    async def give(
        self, actor: Actor, who: str, right: Right = Right.PII, effect: Effect = Effect.GRANT
    ) -> None:
        await self.admin.give(actor, subject(who), right, effect, lasting=None, reason="why")

    async def audit(self) -> list[tuple[str, str]]:
        async with self.database.read() as session:
            rows = await session.scalars(select(AuditEventRow).order_by(AuditEventRow.id))
            return [(row.tag, row.actor_id) for row in rows]


def subject(subject_id: str) -> Subject:
    kind = SubjectKind.GROUP if subject_id.startswith("S") else SubjectKind.USER
    return Subject(TEAM, kind, subject_id)


async def test_a_refused_person_is_audited_with_what_they_tried(database: Database) -> None:
    office = Office(database, BOSS.user_id)

    for attempt in (
        lambda: office.give(ALICE, BOB.user_id),
        lambda: office.give(ALICE, BOB.user_id, effect=Effect.DENY),
        lambda: office.admin.revoke(ALICE, subject(BOB.user_id), Right.PII),
        lambda: office.admin.who(ALICE, BOB.user_id),
    ):
        with pytest.raises(NotAdmin):
            await attempt()

    assert await office.audit() == [("slack:admin:refused", ALICE.user_id)] * 4
    async with database.read() as session:
        rows = (await session.scalars(select(AuditEventRow).order_by(AuditEventRow.id))).all()
    assert [row.payload["action"] for row in rows] == ["grant", "deny", "revoke", "who"]
    assert office.told == []


async def test_nobody_gives_themselves_pii_not_even_an_admin(database: Database) -> None:
    office = Office(database, BOSS.user_id)

    with pytest.raises(SelfGrantRefused):
        await office.give(BOSS, BOSS.user_id)
    await office.give(BOSS, BOSS.user_id, effect=Effect.DENY)

    assert await office.audit() == [("admin:grant:denied", BOSS.user_id)]


async def test_a_change_is_audited_and_told_on(database: Database) -> None:
    office = Office(database, BOSS.user_id)

    await office.give(BOSS, ALICE.user_id)
    await office.admin.revoke(BOSS, subject(ALICE.user_id), Right.PII)

    assert await office.audit() == [
        ("admin:grant:added", BOSS.user_id),
        ("admin:grant:revoked", BOSS.user_id),
    ]
    assert office.told == [TEAM, TEAM]


@pytest.mark.parametrize(
    ("first", "appointed", "verb", "kept"),
    [
        pytest.param([], ["U0BOB"], "revoke", True, id="the only one, by grant"),
        pytest.param([], ["U0BOB"], "deny", True, id="the only one, denied"),
        pytest.param(["U0BOB"], [], "deny", True, id="the only one, named where the bot runs"),
        pytest.param([], ["U0BOB", GROUP], "revoke", True, id="a group may be emptied any time"),
        pytest.param([], ["U0BOB", "U0ALICE"], "revoke", False, id="another by grant is left"),
        pytest.param(["U0BOSS"], ["U0BOB"], "revoke", False, id="another named there is left"),
        pytest.param(["U0BOSS", "U0BOB"], [], "deny", False, id="one of two named there"),
    ],
)
async def test_the_last_admin_is_kept(
    database: Database, first: list[str], appointed: list[str], verb: str, kept: bool
) -> None:
    office = Office(database, *first)
    for each in appointed:
        await office.appoint(each)
    before = await office.audit()

    async def act() -> None:
        if verb == "revoke":
            await office.admin.revoke(BOB, subject(BOB.user_id), Right.ADMIN)
        else:
            await office.give(BOB, BOB.user_id, Right.ADMIN, Effect.DENY)

    if kept:
        with pytest.raises(LastAdminKept):
            await act()
        assert await office.audit() == before, "the refused change left nothing behind"
        assert await office.admin.is_admin(BOB)
    else:
        await act()


async def test_who_names_rights_and_the_grants_that_make_them(database: Database) -> None:
    office = Office(database, BOSS.user_id)
    await office.appoint(GROUP)
    await office.give(BOSS, BOB.user_id)

    bob = await office.admin.who(BOSS, BOB.user_id)
    alice = await office.admin.who(BOSS, ALICE.user_id)

    assert bob.held == {Right.PII, Right.ADMIN}
    assert {grant.subject.id for grant in bob.grants} == {GROUP, BOB.user_id}
    assert (alice.held, alice.grants) == (frozenset(), ())
