"""The decision's table, a sentence a row, and what holds for every combination of facts."""

from dataclasses import replace
from itertools import pairwise, product

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


def row(sentence, outcome, reason, **changes):
    return pytest.param(facts(**changes), Decision(outcome, reason), id=sentence)


NOT_ALLOWED = Reason.REQUESTER_NOT_ALLOWED
NOT_IN = Reason.REQUESTER_NOT_IN_DESTINATION
EXTERNAL = Reason.EXTERNAL_DESTINATION

TABLE = [
    row("row 1: an external person is refused", REFUSED, NOT_ALLOWED, standing=Standing.EXTERNAL),
    row("row 1: a bot is refused", REFUSED, NOT_ALLOWED, standing=Standing.BOT),
    row("row 1: a leaver is refused", REFUSED, NOT_ALLOWED, standing=Standing.DEACTIVATED),
    row("row 1: unknown standing is refused", REFUSED, NOT_ALLOWED, standing=Standing.UNKNOWN),
    row(
        "row 1: a guest without a grant is refused",
        REFUSED,
        NOT_ALLOWED,
        standing=Standing.GUEST,
        held=RightHeld.NOT,
    ),
    row(
        "row 1: a guest in a granted group is refused",
        REFUSED,
        NOT_ALLOWED,
        standing=Standing.GUEST,
        held=RightHeld.BY_GROUP,
    ),
    row(
        "row 1 does not apply to a guest with a grant", RAW, Reason.CLEARED, standing=Standing.GUEST
    ),
    row(
        "row 2: one who is not in the destination is refused",
        REFUSED,
        NOT_IN,
        requester_in_destination=False,
    ),
    row(
        "row 2: one who may not be in the destination is refused",
        REFUSED,
        NOT_IN,
        requester_in_destination=None,
    ),
    row("row 3: a shared destination is refused", REFUSED, EXTERNAL, destination_is_external=True),
    row(
        "row 3: a destination that may be shared is refused",
        REFUSED,
        EXTERNAL,
        destination_is_external=None,
    ),
    row(
        "row 4: a shared destination on the allow-list gets redacted",
        REDACTED,
        EXTERNAL,
        destination_is_external=True,
        destination_is_allow_listed=True,
    ),
    row(
        "row 4: one on the allow-list that may be shared gets redacted",
        REDACTED,
        EXTERNAL,
        destination_is_external=None,
        destination_is_allow_listed=True,
    ),
    row(
        "row 4: the allow-list takes nothing from a destination of our own",
        RAW,
        Reason.CLEARED,
        destination_is_allow_listed=True,
    ),
    row("row 5: who asks for redacted gets it", REDACTED, Reason.ASKED, asked_redacted=True),
    row(
        "row 6: who is not cleared gets redacted", REDACTED, Reason.NOT_CLEARED, held=RightHeld.NOT
    ),
    row(
        "row 6 does not apply to a member in a granted group",
        RAW,
        Reason.CLEARED,
        held=RightHeld.BY_GROUP,
    ),
    *(
        row(
            f"row 6: one of whom a group does not tell gets redacted ({held})",
            REDACTED,
            Reason.NOT_CLEARED,
            held=held,
        )
        for held in (RightHeld.PERHAPS_BY_NAME, RightHeld.PERHAPS_BY_GROUP)
    ),
    row("row 7: no raw key, nothing raw", REDACTED, Reason.NO_RAW_KEY, has_raw_key=False),
    row(
        "row 8: one listener who is not cleared makes it redacted",
        REDACTED,
        Reason.AUDIENCE,
        audience=Audience.NOT_CLEARED,
    ),
    row(
        "row 8: more listeners than can be checked make it redacted",
        REDACTED,
        Reason.AUDIENCE,
        audience=Audience.TOO_LARGE,
    ),
    row(
        "row 8: an unknown audience makes it redacted",
        REDACTED,
        Reason.AUDIENCE,
        audience=Audience.UNKNOWN,
    ),
    row(
        "row 8: a public channel is open to everybody, whoever its members are",
        REDACTED,
        Reason.AUDIENCE,
        destination_is_private=False,
    ),
    row(
        "row 8: and so may be one that is not known to be private",
        REDACTED,
        Reason.AUDIENCE,
        destination_is_private=None,
    ),
    row("row 9: everything speaks for raw", RAW, Reason.CLEARED),
    *(
        row(
            f"row 9: with the rule `requester` it need not be private ({private})",
            RAW,
            Reason.CLEARED,
            audience_must_be_cleared=False,
            destination_is_private=private,
        )
        for private in (False, None)
    ),
    *(
        row(
            f"row 9: with the rule `requester` the audience does not count ({audience})",
            RAW,
            Reason.CLEARED,
            audience_must_be_cleared=False,
            audience=audience,
        )
        for audience in Audience
    ),
]


@each_row(("given_facts", "decision"), TABLE)
def test_each_row_of_the_decision_table_has_its_outcome_and_reason(given_facts, decision):
    assert decide(given_facts) == decision


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


@each_row("asked_redacted", [True, False])
@each_row("is_cleared", [True, False])
def test_a_cleared_requester_gets_raw_unless_they_ask_for_redacted(asked_redacted, is_cleared):
    held = RightHeld.BY_NAME if is_cleared else RightHeld.NOT
    decision = decide(facts(asked_redacted=asked_redacted, held=held))
    assert decision.outcome is (RAW if is_cleared and not asked_redacted else REDACTED)


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


def test_redacted_is_stricter_than_raw_and_refused_than_redacted():
    for looser, stricter in pairwise((RAW, REDACTED, REFUSED)):
        assert is_stricter(Decision(stricter, EXTERNAL), looser)


ANY_OUTCOME = st.sampled_from(Outcome)


@given(ANY_OUTCOME, ANY_OUTCOME, ANY_OUTCOME)
def test_stricter_is_a_strict_order(one, two, three):
    def stricter(outcome, than):
        return is_stricter(Decision(outcome, Reason.CLEARED), than)

    assert not stricter(one, one)
    assert one == two or stricter(one, two) != stricter(two, one)
    if stricter(one, two) and stricter(two, three):
        assert stricter(one, three)


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


@each_row(
    ("known", "certain"),
    [
        pytest.param(facts(), True, id="all is known: raw"),
        pytest.param(facts(standing=Standing.UNKNOWN), False, id="who the requester is"),
        pytest.param(facts(requester_in_destination=None), False, id="whether they are there"),
        pytest.param(facts(destination_is_external=None), False, id="whether outsiders are"),
        pytest.param(facts(destination_is_private=None), False, id="whether it is private"),
        pytest.param(facts(audience=Audience.UNKNOWN), False, id="whether all are cleared"),
        pytest.param(facts(held=RightHeld.PERHAPS_BY_NAME), False, id="whether a group is denied"),
        pytest.param(
            facts(held=RightHeld.PERHAPS_BY_GROUP), False, id="whether a group holds them"
        ),
        pytest.param(
            facts(standing=Standing.UNKNOWN, held=RightHeld.PERHAPS_BY_GROUP),
            False,
            id="a member might hold it by that group",
        ),
        pytest.param(
            facts(standing=Standing.GUEST, held=RightHeld.PERHAPS_BY_NAME),
            False,
            id="a guest might hold it by name",
        ),
        pytest.param(
            facts(standing=Standing.GUEST, held=RightHeld.PERHAPS_BY_GROUP),
            True,
            id="a guest never holds it by a group",
        ),
        pytest.param(
            facts(standing=Standing.EXTERNAL, audience=Audience.UNKNOWN),
            True,
            id="an external person is refused before any audience",
        ),
        pytest.param(
            facts(requester_in_destination=False, destination_is_external=None),
            True,
            id="a requester outside of the destination is refused with any audience",
        ),
        pytest.param(
            facts(destination_is_external=True, held=RightHeld.PERHAPS_BY_GROUP),
            True,
            id="a shared destination is refused with any right of the requester",
        ),
        pytest.param(
            facts(asked_redacted=True, audience=Audience.UNKNOWN),
            True,
            id="a request for redacted gets redacted in any audience",
        ),
        pytest.param(
            facts(held=RightHeld.NOT, audience=Audience.UNKNOWN),
            True,
            id="an uncleared requester gets redacted in any audience",
        ),
        pytest.param(
            facts(destination_is_private=False, audience=Audience.UNKNOWN),
            True,
            id="a public channel is open to everybody",
        ),
        *(
            pytest.param(
                facts(destination_is_private=None, audience=audience),
                True,
                id=f"of a known audience it does not matter who may join ({audience})",
            )
            for audience in (Audience.NOT_CLEARED, Audience.TOO_LARGE)
        ),
    ],
)
def test_a_decision_is_certain_if_no_unknown_fact_could_change_it(known, certain):
    assert is_certain(known) is certain


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
