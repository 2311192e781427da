"""The form of *Get call audio*: within Slack's limits, and read back as it was filled in."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.access.policy import Decision, Outcome, Reason
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.lookups.delivery_previewer import Choice, DeliveryPreview
from bot.recordings.references.reference import InvalidReference, Reference
from bot.recordings.requests.request_writer import StoredRequest
from bot.sandbox.block_limits import problems
from bot.slack import wording
from bot.slack.identifiers import Action, Input
from bot.slack.payloads import direction_of
from bot.slack.shortcuts import form
from bot.slack.shortcuts.form import Filled, Thread
from tests.examples import examples
from tests.tables import each_row

CALL = "CA0123456789abcdef0123456789abcdef"
ONE = (Choice("default", CALL),)
RAW = Decision(Outcome.RAW, Reason.CLEARED)
FACTS = CallFacts(
    conversation_id=CALL,
    started_at=datetime(2026, 6, 3, 13, 18, tzinfo=UTC),
    direction="inbound",
    masked_caller="+44••••••••90",
)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_:-]{2,127}", fullmatch=True)
choices = st.lists(st.builds(Choice, names, ids), max_size=10, unique=True).map(tuple)


def thread(found=ONE, not_configured=(), channel="C0QUALITY0"):
    return Thread(channel, "1780000000.000100", found, not_configured)


def drawn(found=ONE, decision=RAW, *, call=None, goes_to_dm=False, state=None, **where):
    state = state or Filled(found[0] if found else None, redacted=False)
    return form.form(thread(found, **where), state, DeliveryPreview(decision, call, goes_to_dm))


def submitted(view, **values):
    return {**view, "state": {"values": {k: {k: v} for k, v in values.items()}}}


def words(view):
    return str(view["blocks"])


DECISIONS = [
    RAW,
    *(Decision(Outcome.REDACTED, reason) for reason in wording.WHY_REDACTED),
    *(Decision(Outcome.REFUSED, reason) for reason in wording.WHY_REFUSED),
]


@each_row("decision", DECISIONS, ids=lambda each: f"{each.outcome} {each.reason}")
@each_row("goes_to_dm", [True, False])
@each_row("found", [(), ONE, (*ONE, Choice("sales", CALL))])
def test_each_decision_has_a_valid_modal_that_names_it(found, decision, goes_to_dm):
    view = drawn(found, decision, call=FACTS, goes_to_dm=goes_to_dm)
    assert problems(view["blocks"], "modal") == []
    assert len(view["title"]["text"]) <= 24
    if decision.outcome is Outcome.REFUSED:
        assert "submit" not in view
        assert wording.WHY_REFUSED[decision.reason] in words(view)
    else:
        variant = "unredacted" if decision.outcome is Outcome.RAW else "redacted"
        assert f"*{variant}*" in words(view)
        place = "there" if goes_to_dm else "in <#C0QUALITY0>"
        assert (f"*{variant}* {place}" in words(view)) != (decision.reason is Reason.ASKED)
        assert "after a new decision" in words(view)
        assert ("direct messages" in words(view)) == goes_to_dm


def test_a_public_channel_is_named_as_the_reason():
    decision = Decision(Outcome.REDACTED, Reason.AUDIENCE)
    preview = DeliveryPreview(decision, FACTS, goes_to_dm=False, is_public=True)
    view = form.form(thread(), Filled(ONE[0], redacted=False), preview)
    assert f"*redacted* in <#C0QUALITY0>: {wording.PUBLIC_CHANNEL}." in words(view)


@settings(max_examples=examples(20))
@given(found=choices, not_configured=st.lists(ids, max_size=10).map(tuple))
def test_the_largest_form_is_within_slacks_limits(found, not_configured):
    not_configured = not_configured[: 10 - len(found)]  # ten references in all
    view = drawn(found, not_configured=not_configured)
    assert problems(view["blocks"], "modal") == []
    assert len(view["private_metadata"]) <= 3000
    assert form.thread_of(view) == thread(found, not_configured)


@given(found=choices.filter(lambda each: len(each) > 1), data=st.data())
def test_the_request_follows_the_input(found, data):
    at = data.draw(st.integers(0, len(found) - 1))
    view = drawn(found)
    selected = {"selected_option": {"value": str(at)}}
    sent = submitted(view, **{Action.CHOOSE_CALL: selected})
    reference = form.reference_of(form.thread_of(sent), sent)
    assert reference == Reference(found[at].conversation_id, agent_name=found[at].agent_name)


def test_a_single_call_needs_no_choice_and_its_facts_are_shown():
    view = drawn(call=FACTS)
    assert Action.CHOOSE_CALL not in words(view)
    assert "+44••••••••90" in words(view)
    assert form.reference_of(thread(), view) == Reference(CALL, agent_name="default")


def test_another_agent_is_named_and_the_default_one_is_not():
    assert "of the agent `sales`" in words(drawn((Choice("sales", CALL),)))
    assert "default" not in words(drawn())


def test_a_typed_conversation_is_read_and_a_mistake_refused():
    view = drawn(())
    typed = submitted(view, **{Input.CONVERSATION: {"value": f"sales:{CALL}"}})
    assert form.reference_of(thread(()), typed) == Reference(CALL, agent_name="sales")
    with pytest.raises(InvalidReference):
        form.reference_of(thread(()), submitted(view, **{Input.CONVERSATION: {"value": None}}))


@each_row("value", [None, "", "7", "x", "-1"])
def test_an_unknown_choice_chooses_no_other_call(value):
    found = (*ONE, Choice("sales", CALL))
    sent = submitted(drawn(found), **{Action.CHOOSE_CALL: {"selected_option": {"value": value}}})
    assert form.filled(thread(found), sent).chosen in (found[0], None)


@pytest.mark.parametrize(
    ("value", "side"),
    [("user", Direction.USER), ("agent", Direction.AGENT), ("x", Direction.COMBINED)],
)
def test_the_side_is_read_and_both_sides_are_the_default(value, side):
    sent = submitted(drawn(), **{Input.DIRECTION: {"selected_option": {"value": value}}})
    assert direction_of(sent) is side
    assert direction_of(drawn()) is Direction.COMBINED


@pytest.mark.parametrize(("ticked", "redacted"), [([{"value": "redacted"}], True), ([], False)])
def test_redacted_is_read_and_stays_checked(ticked, redacted):
    sent = submitted(drawn(), **{Action.CHOOSE_REDACTED: {"selected_options": ticked}})
    state = form.filled(thread(), sent)
    assert state.redacted is redacted
    again = drawn(state=state)
    assert ("initial_options" in words(again)) == redacted
    assert problems(again["blocks"], "modal") == []


@pytest.mark.parametrize("is_repeat", [True, False])
def test_the_form_is_replaced_by_the_result(is_repeat):
    view = form.accepted(StoredRequest("d0", is_repeat=is_repeat), CALL)
    assert problems(view["blocks"], "modal") == []
    assert CALL in words(view)
    assert ("already on its way" in words(view)) == is_repeat
