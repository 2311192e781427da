"""Who holds a right: by name or by group; a deny beats every grant."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.access.grants import Effect, Right
from bot.access.policy import RightHeld
from bot.access.rights import Rights
from bot.store.database import Database
from tests.access.builders import ALICE, BOB, BOSS, CAROL, OTHER_TEAM, TEAM, deny, give, rights_on
from tests.access.outside import World
from tests.conftest import NOON

pytestmark = pytest.mark.postgresql_at_length

ONE, TWO = "S0ONE", "S0TWO"
EVERYBODY = (ALICE, BOB, CAROL)
GIVE, DENY = Effect.GRANT, Effect.DENY
NAMED, GROUPED = RightHeld.BY_NAME, RightHeld.BY_GROUP
PERHAPS_NAMED, PERHAPS_GROUPED = RightHeld.PERHAPS_BY_NAME, RightHeld.PERHAPS_BY_GROUP


@pytest.fixture
def world() -> World:
    return World(standing={}, channels={}, groups={ONE: {ALICE, BOB}, TWO: {BOB, CAROL}})


@pytest.fixture
def rights(database: Database, world: World) -> Rights:
    return rights_on(database, groups=world, first_admins={CAROL})


async def say(database: Database, *said: tuple[Effect, str] | tuple[Effect, str, str]) -> None:
    """Store grants and denies; the third value is the giver."""
    for effect, subject_id, *giver in said:
        await give(database, subject_id, effect=effect, by=giver[0] if giver else BOSS)


async def holders(rights: Rights, right: Right = Right.PII) -> dict[str, RightHeld]:
    return await rights.holders(TEAM, right, EVERYBODY)


def row(sentence, said, held, away=()):
    return pytest.param(said, away, held, id=sentence)


ALL_PERHAPS = dict.fromkeys(EVERYBODY, PERHAPS_GROUPED)
ALICE_AND_BOB = {ALICE: GROUPED, BOB: GROUPED}
EVERY_ROW = [
    row("without grants nobody", [], {}),
    row("by name", [(GIVE, ALICE)], {ALICE: NAMED}),
    row("through a group", [(GIVE, ONE)], ALICE_AND_BOB),
    row(
        "through either group",
        [(GIVE, ONE), (GIVE, TWO)],
        {ALICE: GROUPED, BOB: GROUPED, CAROL: GROUPED},
    ),
    row(
        "a grant to a group is none by name",
        [(GIVE, ALICE), (GIVE, TWO)],
        {ALICE: NAMED, BOB: GROUPED, CAROL: GROUPED},
    ),
    row("a deny by name beats a name", [(GIVE, ALICE), (DENY, ALICE)], {}),
    row("a deny by name beats a later grant", [(DENY, ALICE), (GIVE, ALICE)], {}),
    row("a deny by name beats a group", [(GIVE, ONE), (DENY, BOB)], {ALICE: GROUPED}),
    row("a deny of a group beats a name", [(GIVE, ALICE), (DENY, ONE)], {}),
    row("a deny of a group beats a group", [(GIVE, ONE), (DENY, TWO)], {ALICE: GROUPED}),
    row("an unreadable granted group may contain anybody", [(GIVE, ONE)], ALL_PERHAPS, [ONE]),
    row(
        "members of another granted group hold it",
        [(GIVE, ONE), (GIVE, TWO)],
        {ALICE: PERHAPS_GROUPED, BOB: GROUPED, CAROL: GROUPED},
        [ONE],
    ),
    row(
        "a person with a grant by name holds it",
        [(GIVE, ALICE), (GIVE, ONE)],
        {ALICE: NAMED, BOB: PERHAPS_GROUPED, CAROL: PERHAPS_GROUPED},
        [ONE],
    ),
    row(
        "a denied person does not hold it by an unreadable group",
        [(GIVE, ONE), (DENY, ALICE), (DENY, TWO)],
        {},
        [ONE],
    ),
    row("an unreadable denied group changes nothing without a grant", [(DENY, TWO)], {}, [TWO]),
    row(
        "a person with a grant may be in an unreadable denied group",
        [(GIVE, ALICE), (DENY, TWO)],
        {ALICE: PERHAPS_NAMED},
        [TWO],
    ),
    row(
        "a person in another denied group is denied",
        [(GIVE, ALICE), (GIVE, BOB), (DENY, ONE), (DENY, TWO)],
        {},
        [TWO],
    ),
    row(
        "a person denied by name is denied",
        [(GIVE, ALICE), (DENY, ONE), (DENY, BOB)],
        {ALICE: PERHAPS_NAMED},
        [ONE],
    ),
    row(
        "with two unreadable groups anybody may hold it",
        [(GIVE, ONE), (DENY, TWO)],
        ALL_PERHAPS,
        [ONE, TWO],
    ),
    row(
        "granted through one group, perhaps denied through an unreadable one",
        [(GIVE, ONE), (DENY, TWO)],
        {ALICE: PERHAPS_GROUPED, BOB: PERHAPS_GROUPED},
        [TWO],
    ),
    row("not for the giver", [(GIVE, ONE, ALICE)], {BOB: GROUPED}),
    row(
        "for each giver by the grant of the other",
        [(GIVE, ONE, ALICE), (GIVE, ONE, BOB)],
        ALICE_AND_BOB,
    ),
    row("not after a second grant", [(GIVE, ONE, ALICE), (GIVE, ONE, ALICE)], {BOB: GROUPED}),
    row(
        "not for the giver of grants to several groups",
        [(GIVE, ONE, BOB), (GIVE, TWO, BOB)],
        {ALICE: GROUPED, CAROL: GROUPED},
    ),
    row(
        "for a giver by a grant of another giver",
        [(GIVE, ONE, BOB), (GIVE, TWO, CAROL)],
        ALICE_AND_BOB,
    ),
    row(
        "for a giver by another grant by name",
        [(GIVE, ONE, ALICE), (GIVE, ALICE, BOB)],
        {ALICE: NAMED, BOB: GROUPED},
    ),
    row(
        "for all members if the giver is not in the group",
        [(GIVE, TWO, ALICE)],
        {BOB: GROUPED, CAROL: GROUPED},
    ),
    row("for all members if the giver is an operator", [(GIVE, ONE, "cli:ops")], ALICE_AND_BOB),
]


@pytest.mark.parametrize(("said", "away", "held"), EVERY_ROW)
async def test_grants_and_denies_decide_who_holds_pii_and_how(
    database, rights, world, said, away, held
):
    await say(database, *said)
    world.away = frozenset(f"group {each}" for each in away)

    assert await holders(rights) == held
    for each in EVERYBODY:
        assert await rights.held(TEAM, Right.PII, each) is held.get(each, RightHeld.NOT)


@pytest.mark.parametrize(
    ("starts", "lasting", "held"),
    [
        (timedelta(0), None, NAMED),
        (timedelta(seconds=1), None, RightHeld.NOT),
        (timedelta(hours=-1), timedelta(hours=1), RightHeld.NOT),
        (timedelta(hours=-1), timedelta(hours=1, microseconds=1), NAMED),
    ],
)
async def test_a_grant_counts_from_its_start_up_to_but_not_at_its_end(
    database, rights, starts, lasting, held
):
    await give(database, ALICE, now=NOON + starts, lasting=lasting)
    assert await rights.held(TEAM, Right.PII, ALICE) is held


@pytest.mark.both_databases
async def test_rights_do_not_apply_to_another_workspace_or_right(database, rights):
    await give(database, ALICE, team=OTHER_TEAM)
    await give(database, BOB, right=Right.ADMIN)
    assert await holders(rights) == {}


async def test_a_giver_who_joins_the_group_later_does_not_get_pii(database, rights, world):
    await say(database, (GIVE, TWO, ALICE))
    world.groups[TWO] |= {ALICE}
    assert await holders(rights) == {BOB: GROUPED, CAROL: GROUPED}


async def test_admin_counts_for_its_giver(database, rights):
    await give(database, ONE, right=Right.ADMIN, by=ALICE)
    assert await holders(rights, Right.ADMIN) == {ALICE: GROUPED, BOB: GROUPED, CAROL: NAMED}


async def test_a_giver_holds_no_pii_by_an_unreadable_group(database, rights, world):
    await say(database, (GIVE, ONE, ALICE))
    world.away = frozenset({f"group {ONE}", f"group {TWO}"})

    with capture_logs() as logs:
        assert await holders(rights) == {BOB: PERHAPS_GROUPED, CAROL: PERHAPS_GROUPED}
    unknown = {"event": "fact_unknown", "fact": "group", "code": "failed", "log_level": "warning"}
    assert logs == [{**unknown, "group_id": ONE}]

    await say(database, (GIVE, TWO, BOB))
    assert await holders(rights) == ALL_PERHAPS, "each may be in the group of another giver"


async def test_a_denied_group_that_cannot_be_read_counts_as_a_deny(database, rights, world):
    await say(database, (GIVE, ALICE), (DENY, BOB))
    assert await rights.is_denied(TEAM, BOB)
    await say(database, (DENY, TWO))
    assert not await rights.is_denied(TEAM, ALICE)

    world.away = frozenset({f"group {TWO}"})
    assert await rights.is_denied(TEAM, ALICE)


async def test_first_admins_hold_only_admin_and_a_deny_beats_that(database, rights):
    assert await holders(rights, Right.ADMIN) == {CAROL: NAMED}
    assert await holders(rights) == {}

    await deny(database, CAROL, right=Right.ADMIN)
    assert await holders(rights, Right.ADMIN) == {}


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
    await say(database, *said)
    await rights.holders(TEAM, Right.PII, asked)
    assert [each for each in world.asked if each != "group"] == [f"group {each}" for each in reads]


@pytest.mark.both_databases
async def test_ten_thousand_people_are_read_in_one_query(database, rights):
    await give(database, "U0009999")
    crowd = [f"U{number:07d}" for number in range(10_000)]
    assert await rights.holders(TEAM, Right.PII, crowd) == {"U0009999": NAMED}
