"""Every private note: valid blocks, plain words, no injected markup, and its reference."""

from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.access.policy import Reason
from bot.recordings.deliveries.delivery import DeliveryKind, Problem
from bot.recordings.deliveries.slack_port import PrivateNote, PrivateNoteKind
from bot.sandbox.block_limits import problems
from bot.slack import wording
from bot.slack.identifiers import Action
from bot.slack.recordings.private_notes import private_note
from bot.slack.web_api.errors import BY_CODE
from tests.slack.recordings.test_cards import CALL, DELIVERY, LOUD, assert_harmless, buttons, shown
from tests.tables import each_row

ANSWER_URL = "https://hooks.slack.com/commands/T1/secret"
PROBLEM = Problem("too_large", "It is too large.", "A long call.", "Ask for one side.", "abc-1")
BARE = Problem("x", "It broke.", "", "")
REASONS = {
    PrivateNoteKind.REFUSED: [*wording.WHY_REFUSED, None],
    PrivateNoteKind.REDACTED: [*wording.WHY_REDACTED, None],
}
PROBLEMS = [
    None,
    PROBLEM,
    BARE,
    Problem("x", LOUD, LOUD, LOUD, LOUD),
    *(Problem.of(kind()) for kind in sorted(set(BY_CODE.values()), key=lambda kind: kind.code)),
]
OFFERED = {
    (PrivateNoteKind.REDACTED, Reason.AUDIENCE): [
        (Action.RAW_TO_DM, DELIVERY, "Send the unredacted recording to my direct messages")
    ],
    (PrivateNoteKind.REDACTED, Reason.NOT_CLEARED): [
        (Action.REQUEST_ACCESS, DELIVERY, "Request access")
    ],
}


def note(kind, reason=None, problem=None, conversation_id=CALL) -> PrivateNote:
    return PrivateNote(
        kind=kind,
        delivery_id=DELIVERY,
        user_id="U0ALICE00",
        channel_id="C0QUALITY0",
        conversation_id=conversation_id,
        response_url=SecretStr(ANSWER_URL),
        reason=reason,
        problem=problem,
    )


@each_row(
    ("kind", "reason", "problem"),
    [
        (kind, reason, problem)
        for kind in PrivateNoteKind
        for reason, problem in product(REASONS.get(kind, [None]), PROBLEMS)
    ],
)
def test_every_note_has_its_reference_and_a_button_only_for_people_who_may_hear_more(
    kind, reason, problem
):
    message = private_note(note(kind, reason, problem))
    assert problems(message["blocks"]) == []
    assert f"`{CALL}`" in message["text"]
    assert_harmless(message)
    assert f"`{DELIVERY}`" in shown(message["blocks"][-1])
    assert ANSWER_URL not in shown(message)
    drawn = [(each["action_id"], each["value"], each["text"]["text"]) for each in buttons(message)]
    assert drawn == OFFERED.get((kind, reason), [])


@given(st.text(max_size=128))
def test_no_id_injects_markup(conversation_id):
    for kind in PrivateNoteKind:
        message = private_note(note(kind, conversation_id=conversation_id + LOUD))
        assert problems(message["blocks"]) == []
        assert_harmless(message)


@each_row(
    ("problem", "rest"),
    [
        (
            PROBLEM,
            ["It is too large.", "*Likely cause:* A long call.", "*What to do:* Ask for one side."],
        ),
        (BARE, ["It broke."]),
        (None, []),
    ],
)
def test_a_failure_has_what_cause_and_fix_and_no_empty_lines(problem, rest):
    message = private_note(note(PrivateNoteKind.FAILED, problem=problem))
    first = f"I could not deliver the recording of `{CALL}`."
    assert message["blocks"][0]["text"]["text"].splitlines() == [first, *rest]
    assert ("PolyAI `abc-1`" in shown(message["blocks"][-1])) == (problem is PROBLEM)


@each_row("reason", [each for each in Reason if each is not Reason.CLEARED])
def test_every_reason_to_refuse_a_transcript_has_words(reason):
    private = replace(note(PrivateNoteKind.REFUSED, reason), delivery_kind=DeliveryKind.TRANSCRIPT)
    message = private_note(private)
    assert problems(message["blocks"]) == []
    assert f"I did not post the transcript of `{CALL}`." in message["text"]
    assert "allow redacted recordings" not in message["text"]
