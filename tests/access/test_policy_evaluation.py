"""A decision reads only the facts it needs, caches none, and an unknown fact never leads to raw."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from structlog.testing import capture_logs

from bot.access.directory import Conversation
from bot.access.exposure import ConversationFacts, Exposure
from bot.access.grants import Right, revoke
from bot.access.policy import Audience, Outcome, Reason, RightHeld, Standing
from bot.access.policy_evaluation import Evaluation, PolicyEvaluator, Question
from bot.access.unknown_facts import collect_unknown_facts
from bot.errors import TooManyLookups
from bot.store.tables import StandingRow
from tests.access.builders import (
    ALICE,
    BOB,
    BOSS,
    CAROL,
    CHANNEL,
    DM,
    GROUP,
    ROBOT,
    TEAM,
    Clock,
    Malformed,
    Passing,
    Silent,
    Workspace,
    conversation,
    deny,
    give,
    readers_on,
    subject,
)
from tests.conftest import NOON
from tests.examples import examples


def evaluator(
    database, workspace, *, clock=None, audience_rule=True, allowed=(), groups=None
) -> PolicyEvaluator:
    readers = readers_on(database, workspace, clock=clock or Clock(), groups=groups)
    return readers.evaluator(audience_must_be_cleared=audience_rule, allowed=allowed)


def question(channel=CHANNEL, *, user=ALICE, redacted=False, raw_key=True) -> Question:
    return Question(TEAM, user, channel, asked_redacted=redacted, has_raw_key=raw_key)


async def evaluate(database, workspace, *, ask=None, **how) -> Evaluation:
    return await evaluator(database, workspace, **how).evaluate(ask or question())


def result(evaluation: Evaluation) -> tuple[Outcome, Reason]:
    return evaluation.decision.outcome, evaluation.decision.reason


RAW = (Outcome.RAW, Reason.CLEARED)
NOT_ALLOWED = (Outcome.REFUSED, Reason.REQUESTER_NOT_ALLOWED)
NOT_IN = (Outcome.REFUSED, Reason.REQUESTER_NOT_IN_DESTINATION)
SHARED = (Outcome.REFUSED, Reason.EXTERNAL_DESTINATION)
NOT_CLEARED = (Outcome.REDACTED, Reason.NOT_CLEARED)
AUDIENCE = (Outcome.REDACTED, Reason.AUDIENCE)


async def test_a_cleared_person_among_cleared_people_gets_raw(database):
    await give(database, ALICE)
    await give(database, BOB)
    workspace = Workspace(members_in=(ALICE, BOB, ROBOT))
    evaluation = await evaluate(database, workspace)
    assert result(evaluation) == RAW
    assert evaluation.facts.audience is Audience.CLEARED
    # The page that showed the requester is not fetched again for the audience. The requester's
    # standing is not read again either.
    assert sorted(workspace.calls[:3]) == CHEAP, "at the same time"
    assert workspace.calls[3:] == [f"standing of {BOB}", "members from 2", f"standing of {ROBOT}"]


async def test_a_look_up_that_was_not_made_raises_instead_of_deciding(sqlite_store):
    async def not_asked() -> Conversation:
        raise TooManyLookups

    with pytest.raises(TooManyLookups):
        await evaluator(sqlite_store, Workspace()).evaluate(question(), not_asked())


async def test_a_listener_without_clearance_makes_the_decision_redacted(sqlite_store):
    await give(sqlite_store, ALICE)
    evaluation = await evaluate(sqlite_store, Workspace(members_in=(ALICE, BOB)))
    assert result(evaluation) == AUDIENCE
    assert evaluation.facts.audience is Audience.NOT_CLEARED


CHEAP = ["conversation", "members from 0", f"standing of {ALICE}"]


def case(sentence, expected, *, ask=None, granted=ALICE, how=None, **arranged):
    return pytest.param(expected, ask or question(), granted, how or {}, arranged, id=sentence)


@pytest.mark.parametrize(
    ("expected", "ask", "granted", "how", "arranged"),
    [
        case("asked for redacted", (Outcome.REDACTED, Reason.ASKED), ask=question(redacted=True)),
        case("no raw key", (Outcome.REDACTED, Reason.NO_RAW_KEY), ask=question(raw_key=False)),
        case("shared with others", SHARED, place=conversation(is_external=True)),
        case("sharing unknown", SHARED, place=conversation(is_external=None)),
        case(
            "shared and on the allow-list",
            (Outcome.REDACTED, Reason.EXTERNAL_DESTINATION),
            how={"allowed": [CHANNEL]},
            place=conversation(is_external=True),
        ),
        case("not in the destination", NOT_IN, members_in=(BOB,)),
        case("external requester", NOT_ALLOWED, standings={ALICE: Standing.EXTERNAL}),
        case("no grant", NOT_CLEARED, granted=BOB),
        case(
            "a grant to an unreadable group",
            NOT_CLEARED,
            granted=GROUP,
            how={"groups": {GROUP: None}},
        ),
        case("only the requester counts", RAW, how={"audience_rule": False}),
        case("a public channel", AUDIENCE, place=conversation(is_private=False)),
        case("a channel that may be public", AUDIENCE, place=conversation(is_private=None)),
    ],
)
async def test_the_audience_is_not_read_if_an_earlier_rule_decides(
    sqlite_store, expected, ask, granted, how, arranged
):
    await give(sqlite_store, granted)
    workspace = Workspace(**{"members_in": (ALICE, BOB, CAROL), **arranged})
    evaluation = await evaluate(sqlite_store, workspace, ask=ask, **how)
    assert result(evaluation) == expected
    assert evaluation.facts.audience is Audience.UNKNOWN
    assert evaluation.facts.destination_is_private is workspace.place.is_private
    # One page of members, to see whether the requester is there at all.
    assert sorted(workspace.calls) == CHEAP


async def test_a_guest_needs_a_grant_by_name(sqlite_store):
    workspace = Workspace(members_in=(ALICE,), standings={ALICE: Standing.GUEST})
    assert result(await evaluate(sqlite_store, workspace)) == NOT_ALLOWED
    await give(sqlite_store, GROUP)
    through_group = await evaluate(sqlite_store, workspace, groups={GROUP: {ALICE}})
    assert through_group.facts.held is RightHeld.BY_GROUP
    assert through_group.facts.requester_is_cleared is False
    assert result(through_group) == NOT_ALLOWED
    await give(sqlite_store, ALICE)
    assert result(await evaluate(sqlite_store, workspace)) == RAW


async def test_a_listener_of_unknown_right_makes_the_decision_redacted(sqlite_store):
    await give(sqlite_store, ALICE)
    await give(sqlite_store, GROUP)
    evaluation = await evaluate(
        sqlite_store, Workspace(members_in=(ALICE, BOB)), groups={GROUP: None}
    )
    assert evaluation.facts.audience is Audience.UNKNOWN
    assert result(evaluation) == AUDIENCE


async def test_own_direct_messages_have_one_listener_and_need_no_sharing_flags(sqlite_store):
    await give(sqlite_store, ALICE)
    own = conversation(DM, im_user_id=ALICE, is_external=None)
    workspace = Workspace(place=own)
    assert result(await evaluate(sqlite_store, workspace, ask=question(DM))) == RAW
    assert workspace.calls == ["conversation", f"standing of {ALICE}"]


async def test_direct_messages_of_another_person_with_the_bot_are_refused(sqlite_store):
    await give(sqlite_store, ALICE)
    theirs = conversation(DM, im_user_id=BOB, is_external=None)
    for members in ((BOB,), (ALICE, BOB)):
        evaluation = await evaluate(
            sqlite_store, Workspace(members_in=members, place=theirs), ask=question(DM)
        )
        assert evaluation.decision.outcome is Outcome.REFUSED
    elsewhere = Workspace(members_in=(BOB,), place=replace(theirs, is_external=False))
    evaluation = await evaluate(sqlite_store, elsewhere, ask=question(DM))
    assert result(evaluation) == NOT_IN


async def test_a_stranger_is_refused_even_in_their_own_direct_messages(sqlite_store):
    await give(sqlite_store, ALICE)
    own = conversation(DM, im_user_id=ALICE, is_external=None)
    workspace = Workspace(place=own, standings={ALICE: Standing.EXTERNAL})
    assert result(await evaluate(sqlite_store, workspace, ask=question(DM))) == NOT_ALLOWED


async def test_rights_are_read_again_at_each_decision(database):
    clock = Clock()
    workspace = Workspace()
    policy = evaluator(database, workspace, clock=clock)

    async def outcome():
        return (await policy.evaluate(question())).decision.outcome

    assert await outcome() is Outcome.REDACTED
    await give(database, ALICE, lasting=timedelta(hours=1))
    assert await outcome() is Outcome.RAW
    async with database.write() as session:
        await revoke(session, subject(), Right.PII, by=BOSS, now=NOON)
    assert await outcome() is Outcome.REDACTED
    await give(database, ALICE, lasting=timedelta(hours=1))
    assert await outcome() is Outcome.RAW
    clock.now = NOON + timedelta(hours=1)
    assert await outcome() is Outcome.REDACTED
    await give(database, ALICE, now=clock.now)
    assert await outcome() is Outcome.RAW
    await deny(database, ALICE, now=clock.now)
    assert await outcome() is Outcome.REDACTED


async def test_members_and_flags_are_read_again_at_each_decision(sqlite_store):
    await give(sqlite_store, ALICE)
    workspace = Workspace()
    policy = evaluator(sqlite_store, workspace)
    assert result(await policy.evaluate(question())) == RAW
    workspace.members_in = (ALICE, BOB)
    assert result(await policy.evaluate(question())) == AUDIENCE
    workspace.place = conversation(is_external=True)
    assert result(await policy.evaluate(question())) == SHARED


@pytest.mark.parametrize(
    ("lost", "fact", "expected"),
    [
        (f"standing of {ALICE}", "standing", NOT_ALLOWED),
        ("conversation", "conversation", SHARED),
        ("members from 0", "members", NOT_IN),
        ("members from 2", "audience", AUDIENCE),
        (f"standing of {ROBOT}", "standing", AUDIENCE),
    ],
)
async def test_each_unknown_fact_fails_closed_and_is_logged(sqlite_store, lost, fact, expected):
    """A delivery decides again only after a temporary error."""
    await give(sqlite_store, ALICE)
    await give(sqlite_store, BOB)
    workspace = Workspace(members_in=(ALICE, BOB, ROBOT), failing={lost})
    with capture_logs() as logs, collect_unknown_facts() as noted:
        evaluation = await evaluate(sqlite_store, workspace)
    assert result(evaluation) == expected
    assert evaluation.facts.audience is Audience.UNKNOWN
    assert logs == [logged(fact)]
    assert not any(error.retryable for error in noted)

    workspace.error = Passing
    with capture_logs(), collect_unknown_facts() as noted:
        assert result(await evaluate(sqlite_store, workspace)) == expected
    assert [type(error) for error in noted] == [Passing]


def logged(fact: str, code: str = "silent") -> dict[str, str]:
    return {"event": "fact_unknown", "fact": fact, "code": code, "log_level": "warning"}


@pytest.mark.parametrize("lost", CHEAP)
async def test_a_malformed_call_about_requester_or_destination_raises(sqlite_store, lost):
    await give(sqlite_store, ALICE)
    with pytest.raises(Malformed):
        await evaluate(sqlite_store, Workspace(failing={lost}, error=Malformed))


async def test_a_malformed_call_about_a_listener_makes_the_decision_redacted(sqlite_store):
    await give(sqlite_store, ALICE)
    workspace = Workspace(
        members_in=(ALICE, ROBOT, BOB), failing={"members from 2"}, error=Malformed
    )
    assert result(await evaluate(sqlite_store, workspace)) == AUDIENCE


async def test_an_admin_sees_the_first_uncleared_listeners_or_none_if_slack_fails(sqlite_store):
    await give(sqlite_store, ALICE)
    await give(sqlite_store, BOB, team="T0ELSEWHERE")
    workspace = Workspace(members_in=(ALICE, BOB, CAROL))
    policy = evaluator(sqlite_store, workspace)
    assert await policy.not_cleared(TEAM, CHANNEL, 1) == (BOB,)
    assert await policy.not_cleared(TEAM, CHANNEL, 9) == (BOB, CAROL)
    workspace.failing = {"members from 0"}
    with capture_logs() as logs:
        assert await policy.not_cleared(TEAM, CHANNEL, 9) == ()
    assert logs == [logged("audience")]


@pytest.mark.parametrize("error", [Silent, Passing, Malformed])
async def test_conversation_facts_say_why_the_conversation_is_unknown(sqlite_store, error):
    policy = evaluator(sqlite_store, Workspace(failing={"conversation"}, error=error))
    with capture_logs() as logs:
        around = await policy.conversation_facts(TEAM, CHANNEL, raw_only=False)
    assert isinstance(around.error, error)
    assert around == ConversationFacts(None, Audience.UNKNOWN, around.error)
    assert logs == [logged("conversation", error.code)]


LOOKUPS = (
    "conversation",
    "members from 0",
    "members from 1",
    "members from 2",
    f"standing of {ALICE}",
    f"standing of {ROBOT}",
)


@given(
    failing=st.sets(st.sampled_from(LOOKUPS)),
    page_size=st.integers(1, 3),
    members=st.permutations([ALICE, BOB, ROBOT]),
    audience_rule=st.booleans(),
    in_own_dm=st.booleans(),
    allowed=st.booleans(),
)
@settings(
    deadline=None,
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_a_failed_read_of_slack_never_leads_to_raw(
    sqlite_store, failing, page_size, members, audience_rule, in_own_dm, allowed
):
    async with sqlite_store.write() as session:
        await session.execute(delete(StandingRow))
    await give(sqlite_store, ALICE)
    await give(sqlite_store, BOB)
    place = conversation(DM, im_user_id=ALICE, is_external=None) if in_own_dm else conversation()
    workspace = Workspace(members_in=members, page_size=page_size, place=place, failing=failing)
    evaluation = await evaluate(
        sqlite_store,
        workspace,
        ask=question(place.channel_id),
        audience_rule=audience_rule,
        allowed=[place.channel_id] if allowed else (),
    )
    # All facts allow raw here, so each missing fact alone must prevent it.
    assert (evaluation.decision.outcome is Outcome.RAW) == (not workspace.failed)


@pytest.mark.parametrize(
    ("members", "has_raw_key", "audience_rule", "expected"),
    [
        ((ALICE,), True, True, RAW),
        ((ALICE,), True, False, RAW),
        ((ALICE,), False, True, (Outcome.REFUSED, Reason.NO_RAW_KEY)),
        ((ALICE, BOB), True, True, (Outcome.REFUSED, Reason.AUDIENCE)),
        ((ALICE, BOB), True, False, (Outcome.REFUSED, Reason.AUDIENCE)),
    ],
)
async def test_a_transcript_is_refused_unless_all_are_cleared_under_any_audience_rule(
    database, members, has_raw_key, audience_rule, expected
):
    await give(database, ALICE)
    ask = replace(question(raw_key=has_raw_key), raw_only=True)
    workspace = Workspace(members_in=members)
    evaluation = await evaluate(database, workspace, ask=ask, audience_rule=audience_rule)
    assert result(evaluation) == expected


async def test_conversation_facts_read_the_members_and_no_requester(database):
    await give(database, ALICE)
    workspace = Workspace(members_in=(ALICE, ROBOT))
    around = await evaluator(database, workspace).conversation_facts(TEAM, CHANNEL, raw_only=False)
    assert around.audience is Audience.CLEARED
    # First the person without a right: if that is not a bot, the other person need not be read.
    asked = [f"standing of {each}" for each in (ROBOT, ALICE)]
    assert workspace.calls == ["conversation", "members from 0", *asked]


@pytest.mark.parametrize(
    ("place", "audience_rule", "found"),
    [
        pytest.param(conversation(is_private=False), True, Exposure.PUBLIC, id="public"),
        pytest.param(conversation(is_external=True), True, Exposure.EXTERNAL, id="with outsiders"),
        pytest.param(conversation(), False, Exposure.FINE, id="only the requester counts"),
        pytest.param(
            conversation(im_user_id=ALICE, is_external=None), True, Exposure.FINE, id="their own"
        ),
        pytest.param(
            conversation(im_user_id=BOB, is_external=None),
            True,
            Exposure.UNVERIFIED,
            id="not theirs",
        ),
    ],
)
async def test_conversation_facts_list_no_members_if_they_do_not_matter(
    sqlite_store, place, audience_rule, found
):
    await give(sqlite_store, ALICE)
    workspace = Workspace(place=place)
    policy = evaluator(sqlite_store, workspace, audience_rule=audience_rule)
    around = await policy.conversation_facts(TEAM, CHANNEL, raw_only=False)
    assert around == ConversationFacts(place, Audience.UNKNOWN)
    assert await policy.exposure(TEAM, ALICE, around, raw_only=False) is found
    assert workspace.calls == ["conversation", f"standing of {ALICE}"]


async def exposure_in(database, workspace, *, raw_only=False, **how) -> Exposure:
    """Whether a visible file of ALICE may stay in the workspace's place."""
    policy = evaluator(database, workspace, **how)
    around = await policy.conversation_facts(TEAM, workspace.place.channel_id, raw_only=raw_only)
    return await policy.exposure(TEAM, ALICE, around, raw_only=raw_only)


async def test_a_transcript_may_stay_only_among_cleared_people_under_any_rule(sqlite_store):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ALICE, BOB))
    exposures = [
        await exposure_in(sqlite_store, workspace, raw_only=raw_only, audience_rule=False)
        for raw_only in (True, False)
    ]
    assert exposures == [Exposure.AUDIENCE, Exposure.FINE]


async def test_conversation_facts_serve_all_requesters_each_by_their_current_right(sqlite_store):
    for user_id in (ALICE, BOB):
        await give(sqlite_store, user_id)
    policy = evaluator(sqlite_store, Workspace(members_in=(ALICE, BOB)))
    around = await policy.conversation_facts(TEAM, CHANNEL, raw_only=False)
    await deny(sqlite_store, BOB)
    assert await policy.exposure(TEAM, ALICE, around, raw_only=False) is Exposure.FINE
    assert await policy.exposure(TEAM, BOB, around, raw_only=False) is Exposure.RIGHT_ENDED


@pytest.mark.parametrize("lost", ["conversation", "members from 0", f"standing of {ALICE}"])
async def test_an_unknown_fact_leaves_a_file_unverified(sqlite_store, lost):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ROBOT,), failing={lost})
    assert await exposure_in(sqlite_store, workspace) is Exposure.UNVERIFIED


async def test_conversation_facts_find_uncleared_listeners_without_the_private_flag(sqlite_store):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ALICE, BOB), place=conversation(is_private=None))
    assert await exposure_in(sqlite_store, workspace) is Exposure.AUDIENCE


NO_GRANT, BY_NAME, BY_GROUP = None, ALICE, GROUP


@pytest.mark.parametrize(
    ("standing", "granted", "found"),
    [
        (Standing.MEMBER, BY_NAME, Exposure.FINE),
        (Standing.MEMBER, BY_GROUP, Exposure.FINE),
        (Standing.MEMBER, NO_GRANT, Exposure.RIGHT_ENDED),
        (Standing.GUEST, BY_NAME, Exposure.FINE),
        (Standing.GUEST, BY_GROUP, Exposure.RIGHT_ENDED),
        (Standing.EXTERNAL, BY_NAME, Exposure.RIGHT_ENDED),
        (Standing.DEACTIVATED, BY_NAME, Exposure.RIGHT_ENDED),
        (Standing.BOT, BY_NAME, Exposure.RIGHT_ENDED),
        (Standing.UNKNOWN, BY_NAME, Exposure.UNVERIFIED),
        (Standing.UNKNOWN, NO_GRANT, Exposure.RIGHT_ENDED),
    ],
)
@pytest.mark.parametrize("place", [conversation(), conversation(DM, im_user_id=ALICE)])
async def test_a_requester_of_changed_standing_has_lost_the_right(
    sqlite_store, standing, granted, found, place
):
    if granted:
        await give(sqlite_store, granted)
    workspace = Workspace(members_in=(ROBOT,), standings={ALICE: standing}, place=place)
    assert await exposure_in(sqlite_store, workspace, groups={GROUP: {ALICE}}) is found
