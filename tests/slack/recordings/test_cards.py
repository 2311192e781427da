"""Every card of a delivery: valid blocks, plain words, and no injected markup."""

import json
from dataclasses import replace

from bot.access.policy import Outcome, Reason
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.deliveries.slack_port import Announcement, Delivered, TakenBack
from bot.recordings.deliveries.take_back_causes import REDACTED_IS_UNSAFE
from bot.sandbox.block_limits import problems
from bot.slack import wording
from bot.slack.identifiers import Action
from bot.slack.recordings import ack_texts, cards
from tests.conftest import NOON
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
DELIVERY = "d0123456789abcdef0123"
LOUD = "<!channel> <@U0BOB0000> <https://evil.example|click> & `x`"


def shown(message) -> str:
    return json.dumps(message, ensure_ascii=False)


def announcement(conversation_id=CALL) -> Announcement:
    return Announcement(DELIVERY, "C0QUALITY0", "U0ALICE00", conversation_id)


def delivered(outcome=Outcome.RAW, reason=Reason.CLEARED, **changes) -> Delivered:
    values = {
        "announcement": announcement(),
        "outcome": outcome,
        "reason": reason,
        "direction": Direction.COMBINED,
        "size_bytes": 200_044,
        "length_seconds": 12.5,
        "call": CallFacts(CALL, direction="inbound", started_at=NOON),
        **changes,
    }
    return Delivered(**values)


def buttons(message) -> list[dict]:
    return [
        e for block in message["blocks"] if block["type"] == "actions" for e in block["elements"]
    ]


@each_row(
    ("result", "said"),
    [
        (delivered(), "*Unredacted*"),
        (
            delivered(Outcome.REDACTED, Reason.NOT_CLEARED),
            "*Redacted* · personal details are muted",
        ),
        (
            delivered(Outcome.REDACTED, Reason.ASKED, muted=SpanSummary(2, 3.25, ())),
            "*Redacted* · as requested · muted: 2 spans, 3.2 s",
        ),
        (
            delivered(Outcome.REDACTED, Reason.NOT_CLEARED, muted=SpanSummary(1, 3.25, ())),
            "*Redacted* · personal details are muted · 1 span, 3.2 s",
        ),
        (delivered(is_for_all_here=True), "*Unredacted* · everyone here has access"),
        (delivered(is_follow_up=True), "*Unredacted*"),
    ],
)
def test_a_notification_names_the_variant(result, said):
    text = cards.delivered(result)["text"]
    assert text.startswith(f"Recording of `{CALL}`, requested by <@U0ALICE00>: ")
    assert said in text


def test_an_encoding_that_slack_may_not_play_is_named():
    told = shown(cards.delivered(delivered(encoding="GSM 6.10", length_seconds=None)))
    assert "It is GSM 6.10, which Slack may not play. Download it" in told
    assert "may not play" not in shown(cards.delivered(delivered()))


def assert_harmless(message):
    """Check that foreign text is legible, but neither a mention nor a link."""
    for sign in ("<!channel>", "<@U0BOB0000>", "<https:", "|click>"):
        assert sign not in shown(message)


def test_the_card_names_requester_and_call_before_and_after_the_delivery():
    before, after = cards.on_its_way(announcement()), cards.delivered(delivered())
    loud = announcement(LOUD)
    for message in (before, after):
        assert problems(message["blocks"]) == []
        assert message["text"].startswith(f"Recording of `{CALL}`, requested by <@U0ALICE00>")
    for message in (cards.on_its_way(loud), cards.delivered(delivered(announcement=loud))):
        assert_harmless(message)
    assert "Waiting to be fetched" in shown(before)
    assert "Waiting" not in shown(after)
    assert "0:12 · 200 KB · both sides" in shown(after)
    assert "inbound" in shown(after)


@each_row(
    "result",
    [
        delivered(),
        delivered(deleted_at=NOON),
        *(delivered(Outcome.REDACTED, reason) for reason in wording.WHY_REDACTED),
        delivered(call=None),
        delivered(call=CallFacts(CALL)),
        delivered(length_seconds=None),
        delivered(is_confirmed=False),
        *(delivered(direction=side) for side in Direction),
    ],
)
def test_every_delivered_recording_has_a_valid_card_that_says_raw_or_redacted(result):
    message = cards.delivered(result)
    assert problems(message["blocks"]) == []
    said = "*Unredacted*" if result.outcome == Outcome.RAW else "*Redacted*"
    assert said in shown(message)
    assert (wording.NOT_SHOWN_YET in shown(message)) != result.is_confirmed
    drawn = [each["action_id"] for each in buttons(message)]
    raw = [Action.TRANSCRIPT] if result.outcome == Outcome.RAW else []
    assert drawn == [Action.OTHER_SIDE, *raw, Action.DELETE]
    sides = {each["value"] for each in buttons(message)[0]["options"]}
    assert sides == {f"{side} {DELIVERY}" for side in Direction if side is not result.direction}


def test_during_the_transfer_the_card_shows_its_progress_or_why_it_waits():
    for message in (cards.progress(announcement(LOUD), 99), cards.waiting(announcement(), LOUD)):
        assert problems(message["blocks"]) == []
        assert ("Fetching … 99 %" in shown(message)) != (wording.WAITING in shown(message))
        assert_harmless(message)


@each_row(("kind", "heading"), [("audio", "Recording of"), ("transcript", "Transcript of")])
def test_a_follow_up_has_a_card_of_one_line_and_a_transcript_no_sides_and_no_length(kind, heading):
    told = replace(announcement(), kind=DeliveryKind(kind))
    message = cards.delivered(delivered(announcement=told, is_follow_up=True, call=None))
    assert problems(message["blocks"]) == []
    first, line, _ = message["blocks"]
    assert first["text"]["text"].startswith(heading)
    assert "200 KB" in shown(line)
    assert "*Unredacted*" in shown(line)
    for fact in ("0:12", "both sides"):
        assert (fact in shown(message)) == (kind == "audio")
    if kind == "transcript":
        assert [each["action_id"] for each in buttons(message)] == [Action.DELETE]


@each_row("kind", DeliveryKind)
@each_row("cause", wording.WHY_TAKEN_BACK)
def test_the_card_of_a_file_that_was_taken_back_offers_the_redacted_variant_at_most(kind, cause):
    message = cards.taken_back(TakenBack(replace(announcement(LOUD), kind=kind), cause))
    assert problems(message["blocks"]) == []
    assert_harmless(message)
    drawn = [each["action_id"] for each in buttons(message)]
    offers = kind is DeliveryKind.AUDIO and cause not in REDACTED_IS_UNSAFE
    assert drawn == ([Action.REDACTED_INSTEAD] if offers else [])


def test_the_card_of_a_redacted_recording_that_differs_does_not_say_that_it_was_unredacted():
    message = cards.taken_back(TakenBack(announcement(), "redaction_differs"))
    assert message["text"] == (
        "The redacted recording can no longer be heard in Slack: something can be heard in a "
        "redacted recording of this call that should be muted."
    )
    assert "unredacted" not in shown(message)


@each_row("cause", wording.WHY_TAKEN_BACK)
def test_a_card_that_waits_for_its_replacement_offers_nothing_and_says_so(cause):
    message = cards.taken_back(TakenBack(announcement(LOUD), cause, is_followed=True))
    assert problems(message["blocks"]) == []
    assert_harmless(message)
    assert buttons(message) == []
    assert "can no longer be heard in Slack" in message["text"]
    assert "The redacted recording follows" in shown(message)


@each_row("cause", wording.WHY_TAKEN_BACK)
def test_the_card_of_a_replacement_says_what_it_replaces_and_why(cause):
    followed = delivered(Outcome.REDACTED, Reason.ASKED, replaced_because=cause)
    message = cards.delivered(followed)
    assert problems(message["blocks"]) == []
    place = f"*Redacted* · in place of the unredacted one: {wording.WHY_TAKEN_BACK[cause]}"
    assert place in shown(message)
    assert "as requested" not in shown(message)


@each_row("kind", DeliveryKind)
def test_the_card_of_a_deleted_file_names_the_person_and_offers_nothing(kind):
    told = replace(announcement(), kind=kind)
    message = cards.taken_back(TakenBack(told, "asked", deleted_by="U0BOSS000"))
    assert problems(message["blocks"]) == []
    assert "was deleted from Slack by <@U0BOSS000>" in message["text"]
    assert buttons(message) == []


def test_the_ack_distinguishes_a_new_request_from_a_repeat():
    new = ack_texts.accepted(ack_texts.StoredRequest(DELIVERY, is_repeat=False), LOUD)
    repeat = ack_texts.accepted(ack_texts.StoredRequest(DELIVERY, is_repeat=True), LOUD)
    assert new.startswith("Got it")
    assert repeat.endswith("is already on its way.")
    for text in (new, repeat):
        assert_harmless(text)


def test_help_fits_on_a_phone_and_lists_every_word_that_can_be_typed():
    lines = [-(-len(line) // 40) for line in ack_texts.HELP.splitlines()]
    assert sum(lines) <= 24
    for word in ("user", "agent", "combined", "redacted", "sales:CA"):
        assert word in ack_texts.HELP
