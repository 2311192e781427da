"""The decision's table, a sentence a row, and what holds for every combination of facts."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.policy import (
    Audience,
    Decision,
    Facts,
    Outcome,
    Reason,
    RightHeld,
    Standing,
    audited_facts,
    counts,
    decide,
    is_certain,
    is_stricter,
    may_listen,
    may_use,
    raw_or_nothing,
)
from tests.access.builders import EVERYTHING_SPEAKS_FOR_RAW
from tests.tables import each_row

RAW, REDACTED, REFUSED = Outcome.RAW, Outcome.REDACTED, Outcome.REFUSED


def facts(**changes) -> Facts:
    return replace(EVERYTHING_SPEAKS_FOR_RAW, **changes)


NOT_ALLOWED = Reason.REQUESTER_NOT_ALLOWED
NOT_IN = Reason.REQUESTER_NOT_IN_DESTINATION
EXTERNAL = Reason.EXTERNAL_DESTINATION
GUEST, BY_GROUP = Standing.GUEST, RightHeld.BY_GROUP

# For each outcome: the facts that differ from those that speak for raw.
TABLE = {
    (REFUSED, NOT_ALLOWED): {
        "row 1: an external person": {"standing": Standing.EXTERNAL},
        "row 1: a bot": {"standing": Standing.BOT},
        "row 1: a leaver": {"standing": Standing.DEACTIVATED},
        "row 1: a person of unknown standing": {"standing": Standing.UNKNOWN},
        "row 1: a guest without a grant": {"standing": GUEST, "held": RightHeld.NOT},
        "row 1: a guest in a granted group": {"standing": GUEST, "held": BY_GROUP},
    },
    (REFUSED, NOT_IN): {
        "row 2: one who is not in the destination": {"requester_in_destination": False},
        "row 2: one who may not be in the destination": {"requester_in_destination": None},
    },
    (REFUSED, EXTERNAL): {
        "row 3: a shared destination": {"destination_is_external": True},
        "row 3: a destination that may be shared": {"destination_is_external": None},
    },
    (REDACTED, EXTERNAL): {
        f"row 4: one on the allow-list that is shared ({is_external})": {
            "destination_is_external": is_external,
            "destination_is_allow_listed": True,
        }
        for is_external in (True, None)
    },
    (REDACTED, Reason.ASKED): {"row 5: who asks for redacted": {"asked_redacted": True}},
    (REDACTED, Reason.NOT_CLEARED): {
        "row 6: who is not cleared": {"held": RightHeld.NOT},
        "row 6: by name, unless a group denies it": {"held": RightHeld.PERHAPS_BY_NAME},
        "row 6: one of whom a group does not tell": {"held": RightHeld.PERHAPS_BY_GROUP},
    },
    (REDACTED, Reason.NO_RAW_KEY): {"row 7: no raw key, nothing raw": {"has_raw_key": False}},
    (REDACTED, Reason.AUDIENCE): {
        "row 8: one listener who is not cleared": {"audience": Audience.NOT_CLEARED},
        "row 8: more listeners than can be checked": {"audience": Audience.TOO_LARGE},
        "row 8: an unknown audience": {"audience": Audience.UNKNOWN},
        "row 8: a public channel, whoever its members are": {"destination_is_private": False},
        "row 8: one that is not known to be private": {"destination_is_private": None},
    },
    (RAW, Reason.CLEARED): {
        "row 1 does not apply to a guest with a grant": {"standing": GUEST},
        "row 4: an allow-listed destination of our own": {"destination_is_allow_listed": True},
        "row 6 does not apply to a member in a granted group": {"held": BY_GROUP},
        "row 9: everything speaks for raw": {},
        **{
            f"row 9: with the rule `requester` it need not be private ({private})": {
                "audience_must_be_cleared": False,
                "destination_is_private": private,
            }
            for private in (False, None)
        },
        **{
            f"row 9: with the rule `requester` the audience does not count ({audience})": {
                "audience_must_be_cleared": False,
                "audience": audience,
            }
            for audience in Audience
        },
    },
}


@each_row(
    ("changes", "decision"),
    [
        pytest.param(changes, Decision(*decided), id=sentence)
        for decided, cases in TABLE.items()
        for sentence, changes in cases.items()
    ],
)
def test_each_row_of_the_decision_table_has_its_outcome_and_reason(changes, decision):
    assert decide(facts(**changes)) == decision


# The facts by which each row applies, in the order of the rows. Row 4 is apart, because it needs an
# allow-listed channel, which rules out row 3.
CAUSES = (
    ({"standing": Standing.UNKNOWN}, NOT_ALLOWED),
    ({"requester_in_destination": None}, NOT_IN),
    ({"destination_is_external": None}, EXTERNAL),
    ({"asked_redacted": True}, Reason.ASKED),
    ({"held": RightHeld.NOT}, Reason.NOT_CLEARED),
    ({"held": RightHeld.PERHAPS_BY_NAME}, Reason.NOT_CLEARED),
    ({"has_raw_key": False}, Reason.NO_RAW_KEY),
    ({"destination_is_private": None}, Reason.AUDIENCE),
    ({"audience": Audience.UNKNOWN}, Reason.AUDIENCE),
)


@each_row("first", range(len(CAUSES)))
def test_the_first_row_that_applies_decides(first):
    everything_after = {name: value for cause, _ in CAUSES[first:] for name, value in cause.items()}
    assert decide(facts(**everything_after)).reason is CAUSES[first][1]


ALL_FACTS = st.builds(
    Facts,
    standing=st.sampled_from(Standing),
    held=st.sampled_from(RightHeld),
    requester_in_destination=st.sampled_from([True, False, None]),
    destination_is_external=st.sampled_from([True, False, None]),
    destination_is_private=st.sampled_from([True, False, None]),
    destination_is_allow_listed=st.booleans(),
    asked_redacted=st.booleans(),
    has_raw_key=st.booleans(),
    audience_must_be_cleared=st.booleans(),
    audience=st.sampled_from(Audience),
)


CLEARED = {
    (Standing.MEMBER, RightHeld.BY_NAME),
    (Standing.MEMBER, RightHeld.BY_GROUP),
    (Standing.GUEST, RightHeld.BY_NAME),
}


def all_that_raw_needs(known: Facts) -> bool:
    return all(
        (
            (known.standing, known.held) in CLEARED,
            known.requester_in_destination is True,
            known.destination_is_external is False,
            known.asked_redacted is False,
            known.has_raw_key is True,
            (known.destination_is_private is True and known.audience == Audience.CLEARED)
            or known.audience_must_be_cleared is False,
        )
    )


def test_raw_is_decided_for_exactly_the_combinations_that_allow_it():
    flags = (True, False)
    everything = product(
        Standing,
        RightHeld,
        (*flags, None),
        (*flags, None),
        (*flags, None),
        flags,
        flags,
        flags,
        flags,
        Audience,
    )
    for each in everything:
        known = Facts(*each)
        assert (decide(known).outcome is RAW) == all_that_raw_needs(known), known


OUTCOMES_OF = {
    NOT_ALLOWED: {REFUSED},
    NOT_IN: {REFUSED},
    EXTERNAL: {REFUSED, REDACTED},
    Reason.ASKED: {REDACTED},
    Reason.NOT_CLEARED: {REDACTED},
    Reason.NO_RAW_KEY: {REDACTED},
    Reason.AUDIENCE: {REDACTED},
    Reason.CLEARED: {RAW},
}
"""`not_told` belongs to no rule: a delivery uses it instead of the rule's reason."""


@given(ALL_FACTS)
def test_every_combination_has_an_outcome_with_a_matching_reason(known):
    decision = decide(known)
    assert decision.outcome in OUTCOMES_OF[decision.reason]
    assert decide(known) == decision


SAFE_SIDE = {
    "standing": Standing.UNKNOWN,
    "held": RightHeld.NOT,
    "requester_in_destination": None,
    "destination_is_external": None,
    "destination_is_private": None,
    "destination_is_allow_listed": False,
    "has_raw_key": False,
    "audience": Audience.UNKNOWN,
    # These two are not missing facts, but the stricter answer is the safe one here too.
    "asked_redacted": True,
    "audience_must_be_cleared": True,
}


@pytest.mark.parametrize("name", SAFE_SIDE)
@given(known=ALL_FACTS)
def test_an_unknown_fact_never_loosens_the_outcome(name, known):
    lost = decide(replace(known, **{name: SAFE_SIDE[name]}))
    assert lost.outcome == decide(known).outcome or is_stricter(lost, decide(known).outcome)


def test_redacted_is_stricter_than_raw_and_refused_than_both():
    stricter = [
        (each, than)
        for each, than in product(Outcome, Outcome)
        if is_stricter(Decision(each, EXTERNAL), than)
    ]
    assert stricter == [(REDACTED, RAW), (REFUSED, RAW), (REFUSED, REDACTED)]


@each_row("outcome", Outcome)
@each_row("reason", Reason)
def test_a_transcript_is_raw_or_refused(outcome, reason):
    judged = raw_or_nothing(Decision(outcome, reason))
    assert judged == Decision(RAW if outcome is RAW else REFUSED, reason)


YES, NO, UNTOLD = True, False, None
BY_ANY_GRANT = {
    RightHeld.BY_NAME: YES,
    RightHeld.BY_GROUP: YES,
    RightHeld.PERHAPS_BY_NAME: UNTOLD,
    RightHeld.PERHAPS_BY_GROUP: UNTOLD,
    RightHeld.NOT: NO,
}
BY_NONE = dict.fromkeys(RightHeld, NO)
COUNTING = {
    Standing.MEMBER: BY_ANY_GRANT,
    Standing.GUEST: BY_NONE | {RightHeld.BY_NAME: YES, RightHeld.PERHAPS_BY_NAME: UNTOLD},
    Standing.UNKNOWN: dict.fromkeys(RightHeld, UNTOLD) | {RightHeld.NOT: NO},
    Standing.EXTERNAL: BY_NONE,
    Standing.BOT: BY_NONE,
    Standing.DEACTIVATED: BY_NONE,
}


@each_row("standing", Standing)
def test_standing_and_grant_decide_whether_a_right_counts(standing):
    assert {held: counts(standing, held) for held in RightHeld} == COUNTING[standing]


@each_row("standing", Standing)
@each_row("held", RightHeld)
def test_a_listener_of_raw_is_a_bot_or_would_be_cleared_as_requester(standing, held):
    asked = decide(facts(standing=standing, held=held))
    gets_raw = asked.outcome is RAW
    assert (may_listen(standing, held) is True) == (gets_raw or standing is Standing.BOT)
    assert may_listen(None, held) is None


@each_row("standing", Standing)
@each_row("held", RightHeld)
def test_may_use_agrees_with_the_first_rule(standing, held):
    passes = decide(facts(standing=standing, held=held)).reason is not NOT_ALLOWED
    assert may_use(standing, held) == passes


PERHAPS_BY_GROUP = RightHeld.PERHAPS_BY_GROUP
UNKNOWN_AUDIENCE = {"audience": Audience.UNKNOWN}
UNCERTAIN = {
    "who the requester is": {"standing": Standing.UNKNOWN},
    "whether they are there": {"requester_in_destination": None},
    "whether outsiders are": {"destination_is_external": None},
    "whether it is private": {"destination_is_private": None},
    "whether all are cleared": UNKNOWN_AUDIENCE,
    "whether a group is denied": {"held": RightHeld.PERHAPS_BY_NAME},
    "whether a group holds them": {"held": PERHAPS_BY_GROUP},
    "a member might hold it by that group": {
        "standing": Standing.UNKNOWN,
        "held": PERHAPS_BY_GROUP,
    },
    "a guest might hold it by name": {"standing": GUEST, "held": RightHeld.PERHAPS_BY_NAME},
}
CERTAIN = {
    "all is known: raw": {},
    "a guest never holds it by a group": {"standing": GUEST, "held": PERHAPS_BY_GROUP},
    "an external person is refused before any audience": {
        "standing": Standing.EXTERNAL,
        **UNKNOWN_AUDIENCE,
    },
    "a requester outside of the destination is refused with any audience": {
        "requester_in_destination": False,
        "destination_is_external": None,
    },
    "a shared destination is refused with any right of the requester": {
        "destination_is_external": True,
        "held": PERHAPS_BY_GROUP,
    },
    "a request for redacted gets redacted": {"asked_redacted": True, **UNKNOWN_AUDIENCE},
    "an uncleared requester gets redacted": {"held": RightHeld.NOT, **UNKNOWN_AUDIENCE},
    "a public channel is open to all": {"destination_is_private": False, **UNKNOWN_AUDIENCE},
    **{
        f"of a known audience it does not matter who may join ({audience})": {
            "destination_is_private": None,
            "audience": audience,
        }
        for audience in (Audience.NOT_CLEARED, Audience.TOO_LARGE)
    },
}


@each_row("sentence", [*UNCERTAIN, *CERTAIN])
def test_a_decision_is_certain_if_no_unknown_fact_could_change_it(sentence):
    known = facts(**(UNCERTAIN | CERTAIN)[sentence])
    assert is_certain(known) is (sentence in CERTAIN)


def test_the_facts_are_audited_as_codes():
    assert audited_facts(facts(requester_in_destination=None)) == {
        "standing": "member",
        "held": "by_name",
        "requester_in_destination": None,
        "destination_is_external": False,
        "destination_is_private": True,
        "destination_is_allow_listed": False,
        "asked_redacted": False,
        "has_raw_key": True,
        "audience_must_be_cleared": True,
        "audience": "cleared",
    }
    assert {type(each) for each in audited_facts(facts()).values()} == {str, bool}
