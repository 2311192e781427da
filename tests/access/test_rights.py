"""Who holds a right: by name or by group; a deny beats every grant."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.access.grants import Effect, NewGrant, Right, Subject, SubjectKind, add_grant, revoke
from bot.access.policy import RightHeld
from bot.access.rights import Rights
from bot.store.database import Database
from tests.access.outside import World, WorldGroups
from tests.conftest import NOON

pytestmark = pytest.mark.postgresql_at_length

TEAM = "T0QUALITY0"
ALICE, BOB, CAROL = "U0ALICE", "U0BOB", "U0CAROL"
ONE, TWO = "S0ONE", "S0TWO"
EVERYBODY = (ALICE, BOB, CAROL)


@pytest.fixture
def world() -> World:
    return World(standing={}, channels={}, groups={ONE: {ALICE, BOB}, TWO: {BOB, CAROL}})


@pytest.fixture
def rights(database: Database, world: World) -> Rights:
    return Rights(
        database=database,
        groups=WorldGroups(world),
        clock=lambda: NOON,
        first_admins=frozenset({CAROL}),
    )


def subject(subject_id: str, team_id: str = TEAM) -> Subject:
    kind = SubjectKind.GROUP if subject_id.startswith("S") else SubjectKind.USER
    return Subject(team_id, kind, subject_id)


async def say(
    database: Database,
    effect: Effect,
    subject_id: str,
    *,
    team_id: str = TEAM,
    right: Right = Right.PII,
    by: str = "U0BOSS",
    starts: timedelta = timedelta(0),
    lasting: timedelta | None = None,
) -> None:
    start = NOON + starts
    new = NewGrant(
        subject=subject(subject_id, team_id),
        right=right,
        effect=effect,
        given_by=by,
        reason="call quality",
        now=start,
        expires_at=start + lasting if lasting else None,
    )
    async with database.write() as session:
        await add_grant(session, new)


async def holders(rights: Rights, *asked: str, right: Right = Right.PII) -> set[str]:
    return set((await rights.holders(TEAM, right, asked or EVERYBODY)).everyone)


GIVE, DENY = Effect.GRANT, Effect.DENY


@pytest.mark.parametrize(
    ("said", "hold"),
    [
        pytest.param([], set(), id="without grants nobody"),
        pytest.param([(GIVE, ALICE)], {ALICE}, id="by name"),
        pytest.param([(GIVE, ONE)], {ALICE, BOB}, id="through a group"),
        pytest.param([(GIVE, ONE), (GIVE, TWO)], {ALICE, BOB, CAROL}, id="through either group"),
        pytest.param([(GIVE, ALICE), (DENY, ALICE)], set(), id="a deny by name beats a name"),
        pytest.param(
            [(DENY, ALICE), (GIVE, ALICE)], set(), id="a deny by name beats a later grant"
        ),
        pytest.param([(GIVE, ONE), (DENY, BOB)], {ALICE}, id="a deny by name beats a group"),
        pytest.param([(GIVE, ALICE), (DENY, ONE)], set(), id="a deny of a group beats a name"),
        pytest.param([(GIVE, ONE), (DENY, TWO)], {ALICE}, id="a deny of a group beats a group"),
    ],
)
async def test_grants_denies_and_revocations_decide_who_holds_a_right(database, rights, said, hold):
    for effect, subject_id in said:
        await say(database, effect, subject_id)

    assert await holders(rights) == hold


@pytest.mark.parametrize(
    ("starts", "lasting", "holds"),
    [
        (timedelta(0), None, True),
        (timedelta(seconds=1), None, False),
        (timedelta(hours=-1), timedelta(hours=1), False),
        (timedelta(hours=-1), timedelta(hours=1, microseconds=1), True),
    ],
)
async def test_a_grant_counts_from_its_start_up_to_but_not_at_its_end(
    database, rights, starts, lasting, holds
):
    await say(database, GIVE, ALICE, starts=starts, lasting=lasting)

    held = await rights.held(TEAM, Right.PII, ALICE)
    assert held is (RightHeld.BY_NAME if holds else RightHeld.NOT)


@pytest.mark.both_databases
async def test_a_revocation_ends_grants_and_denies_alike(database, rights):
    await say(database, GIVE, ALICE)
    await say(database, DENY, ALICE)
    async with database.write() as session:
        assert await revoke(session, subject(ALICE), Right.PII, by="U0BOSS", now=NOON) == 2
    assert await holders(rights) == set()

    await say(database, GIVE, ALICE)
    assert await holders(rights) == {ALICE}


@pytest.mark.both_databases
async def test_rights_do_not_apply_to_another_workspace_or_right(database, rights):
    await say(database, GIVE, ALICE, team_id="T0OTHER000")
    await say(database, GIVE, BOB, right=Right.ADMIN)

    assert await holders(rights) == set()


@pytest.mark.parametrize(
    ("said", "away", "hold", "unknown"),
    [
        pytest.param(
            [(GIVE, ONE)],
            [ONE],
            set(),
            {ALICE, BOB, CAROL},
            id="an unreadable granted group may contain anybody",
        ),
        pytest.param(
            [(GIVE, ONE), (GIVE, TWO)],
            [ONE],
            {BOB, CAROL},
            {ALICE},
            id="members of another granted group hold it",
        ),
        pytest.param(
            [(GIVE, ALICE), (GIVE, ONE)],
            [ONE],
            {ALICE},
            {BOB, CAROL},
            id="a person with a grant by name holds it",
        ),
        pytest.param(
            [(GIVE, ONE), (DENY, ALICE), (DENY, TWO)],
            [ONE],
            set(),
            set(),
            id="a denied person does not hold it by an unreadable group",
        ),
        pytest.param(
            [(DENY, TWO)],
            [TWO],
            set(),
            set(),
            id="an unreadable denied group changes nothing without a grant",
        ),
        pytest.param(
            [(GIVE, ALICE), (DENY, TWO)],
            [TWO],
            set(),
            {ALICE},
            id="a person with a grant may be in an unreadable denied group",
        ),
        pytest.param(
            [(GIVE, ALICE), (GIVE, BOB), (DENY, ONE), (DENY, TWO)],
            [TWO],
            set(),
            set(),
            id="a person in another denied group is denied",
        ),
        pytest.param(
            [(GIVE, ALICE), (DENY, ONE), (DENY, BOB)],
            [ONE],
            set(),
            {ALICE},
            id="a person denied by name is denied",
        ),
        pytest.param(
            [(GIVE, ONE), (DENY, TWO)],
            [ONE, TWO],
            set(),
            {ALICE, BOB, CAROL},
            id="with two unreadable groups anybody may hold it",
        ),
        pytest.param(
            [(GIVE, ONE), (DENY, TWO)],
            [TWO],
            set(),
            {ALICE, BOB},
            id="granted through one group, perhaps denied through an unreadable one",
        ),
    ],
)
async def test_rights_that_depend_on_an_unreadable_group_are_unknown(
    database, rights, world, said, away, hold, unknown
):
    for effect, subject_id in said:
        await say(database, effect, subject_id)
    world.away = frozenset(f"group {each}" for each in away)

    found = await rights.holders(TEAM, Right.PII, EVERYBODY)

    assert (found.everyone, found.unknown) == (hold, unknown)
    assert found.by_name <= found.everyone | found.unknown
    named = {subject_id for effect, subject_id in said if effect is GIVE}
    for each in unknown:
        by_name = each in named
        assert found.of(each) is (
            RightHeld.PERHAPS_BY_NAME if by_name else RightHeld.PERHAPS_BY_GROUP
        )


@pytest.mark.parametrize(
    ("given", "hold"),
    [
        pytest.param([(ONE, ALICE)], {BOB}, id="not for its giver"),
        pytest.param(
            [(ONE, ALICE), (ONE, BOB)], {ALICE, BOB}, id="for each giver by the grant of the other"
        ),
        pytest.param(
            [(ONE, ALICE), (ONE, ALICE)], {BOB}, id="not for its giver after a second grant"
        ),
        pytest.param(
            [(ONE, BOB), (TWO, BOB)],
            {ALICE, CAROL},
            id="not for the giver of grants to several groups",
        ),
        pytest.param(
            [(ONE, BOB), (TWO, CAROL)], {ALICE, BOB}, id="for a giver by a grant of another giver"
        ),
        pytest.param(
            [(ONE, ALICE), (ALICE, BOB)], {ALICE, BOB}, id="for a giver by another grant by name"
        ),
        pytest.param(
            [(TWO, ALICE)], {BOB, CAROL}, id="for all members if the giver is not in the group"
        ),
        pytest.param(
            [(ONE, "cli:ops")], {ALICE, BOB}, id="for all members if the giver is an operator"
        ),
    ],
)
async def test_a_group_grant_of_pii_counts_for_members_except_its_giver(
    database, rights, given, hold
):
    for subject_id, giver in given:
        await say(database, GIVE, subject_id, by=giver)

    assert await holders(rights) == hold
    for each in EVERYBODY:
        held = await rights.held(TEAM, Right.PII, each)
        named = RightHeld.BY_NAME if each in dict(given) else RightHeld.BY_GROUP
        assert held is (named if each in hold else RightHeld.NOT)


async def test_a_giver_who_joins_the_group_later_does_not_get_pii(database, rights, world):
    await say(database, GIVE, TWO, by=ALICE)
    world.groups[TWO] |= {ALICE}

    assert await holders(rights) == {BOB, CAROL}


async def test_admin_counts_for_its_giver(database, rights):
    await say(database, GIVE, ONE, right=Right.ADMIN, by=ALICE)

    assert await holders(rights, right=Right.ADMIN) == {ALICE, BOB, CAROL}


async def test_a_giver_holds_no_pii_by_an_unreadable_group(database, rights, world):
    await say(database, GIVE, ONE, by=ALICE)
    world.away = frozenset({f"group {ONE}", f"group {TWO}"})

    with capture_logs() as logs:
        found = await rights.holders(TEAM, Right.PII, EVERYBODY)

    assert (found.everyone, found.unknown) == (frozenset(), {BOB, CAROL})
    unknown = {"event": "fact_unknown", "fact": "group", "code": "failed", "log_level": "warning"}
    assert logs == [{**unknown, "group_id": ONE}]

    await say(database, GIVE, TWO, by=BOB)
    found = await rights.holders(TEAM, Right.PII, EVERYBODY)

    assert found.unknown == {ALICE, BOB, CAROL}, "each may be in the group of another giver"


async def test_a_denied_group_that_cannot_be_read_counts_as_a_deny(database, rights, world):
    await say(database, GIVE, ALICE)
    await say(database, DENY, BOB)
    assert await rights.is_denied(TEAM, Right.PII, BOB)
    await say(database, DENY, TWO)
    assert not await rights.is_denied(TEAM, Right.PII, ALICE)

    world.away = frozenset({f"group {TWO}"})
    assert await rights.is_denied(TEAM, Right.PII, ALICE)


async def test_first_admins_hold_only_admin_and_a_deny_beats_that(database, rights):
    assert await holders(rights, right=Right.ADMIN) == {CAROL}
    assert await holders(rights) == set()
    assert [each for each in EVERYBODY if rights.is_first_admin(each)] == [CAROL]

    await say(database, DENY, CAROL, right=Right.ADMIN)
    assert await holders(rights, right=Right.ADMIN) == set()


async def test_a_group_grant_does_not_count_as_a_grant_by_name(database, rights):
    await say(database, GIVE, ALICE)
    await say(database, GIVE, TWO)

    found = await rights.holders(TEAM, Right.PII, EVERYBODY)

    assert (found.by_name, found.everyone) == ({ALICE}, {ALICE, BOB, CAROL})


@pytest.mark.parametrize(
    ("said", "asked", "reads"),
    [
        pytest.param([(GIVE, ALICE), (GIVE, ONE)], [ALICE], [], id="all by name: none"),
        pytest.param([(GIVE, ONE), (GIVE, TWO)], [ALICE], [ONE], id="until all are found"),
        pytest.param([(GIVE, ONE), (GIVE, TWO)], [CAROL], [ONE, TWO], id="as far as needed"),
        pytest.param([(GIVE, ONE), (DENY, ALICE)], [ALICE], [], id="denied by name: none"),
        pytest.param([(GIVE, ONE)], [], [], id="for no people nobody"),
    ],
)
async def test_a_group_is_read_only_if_it_can_change_the_answer(
    database, rights, world, said, asked, reads
):
    for effect, subject_id in said:
        await say(database, effect, subject_id)

    await rights.holders(TEAM, Right.PII, asked)

    assert [each for each in world.asked if each != "group"] == [f"group {each}" for each in reads]


@pytest.mark.both_databases
async def test_ten_thousand_people_are_read_in_one_query(database, rights):
    await say(database, GIVE, "U0009999")

    crowd = [f"U{number:07d}" for number in range(10_000)]

    assert await holders(rights, *crowd) == {"U0009999"}
