"""What is kept of PolyAI's payloads, and what never is."""

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.payloads import CallFacts, Direction, call_facts, mask_number
from tests.tables import each_row

# As in PolyAI's documentation; the numbers are those that Ofcom reserves for fiction.
ROW = {
    "conversationId": "other",
    "accountId": "acme",
    "projectId": "PROJECT-1",
    "startedAt": "2026-06-03T13:18:06.370000+00:00",
    "finishedAt": "2026-06-03T15:20:00+02:00",
    "channel": "VOICE-SIP",
    "clientEnv": "live",
    "direction": "inbound",
    "fromNumber": "+447700900123",
    "toNumber": "+441632960001",
    "totalDuration": 114,
    "duration": 90,
    "inProgress": False,
    "handoff": True,
    "handoffReason": "caller Jane Doe asked",
    "shortSummary": {"heading": "Jane Doe", "content": "+447700900123"},
    "turns": [{"user_input": "my name is Jane Doe"}],
}


def test_a_full_row_becomes_facts_without_personal_data():
    facts = call_facts(ROW, conversation_id="CA1")
    assert facts == CallFacts(
        conversation_id="CA1",
        channel="VOICE-SIP",
        started_at=datetime(2026, 6, 3, 13, 18, 6, 370000, tzinfo=UTC),
        finished_at=datetime(2026, 6, 3, 13, 20, tzinfo=UTC),
        length_seconds=114,
        direction="inbound",
        handoff=True,
        in_progress=False,
        masked_caller="+44••••••••23",
    )
    assert facts.finished_at.tzinfo is UTC
    for personal in ("Jane", "7700900", "1632960"):
        assert personal not in repr(facts)


def test_an_empty_row_is_all_unknown():
    assert call_facts({}, conversation_id="CA1") == CallFacts("CA1")
    assert call_facts(dict.fromkeys(ROW), conversation_id="CA1") == CallFacts("CA1")


@each_row("wrong", [None, True, 7, -1, 1.5, float("nan"), "x", "", [], {}, 10**30])
def test_a_wrong_type_is_unknown_and_never_an_error(wrong):
    facts = call_facts(dict.fromkeys(ROW, wrong), conversation_id="CA1")
    assert facts.started_at is None
    assert facts.direction is None
    assert facts.handoff is (wrong if wrong is True else None)


def test_the_person_on_an_outbound_call_is_the_one_called():
    assert call_facts(ROW | {"direction": "outbound"}, conversation_id="CA1").masked_caller == (
        "+44••••••••01"
    )


def test_a_naive_time_is_utc_and_an_impossible_one_unknown():
    row = {"startedAt": "2026-06-03T13:19:19.757917", "finishedAt": "0001-01-01T00:00:00+14:00"}
    facts = call_facts(row, conversation_id="CA1")
    assert facts.started_at == datetime(2026, 6, 3, 13, 19, 19, 757917, tzinfo=UTC)
    assert facts.finished_at is None


def test_the_length_has_a_fallback_and_a_limit():
    assert call_facts({"duration": 90.7}, conversation_id="c").length_seconds == 90
    assert call_facts({"totalDuration": 0, "duration": 9}, conversation_id="c").length_seconds == 0
    assert call_facts({"totalDuration": 10**9}, conversation_id="c").length_seconds is None


@each_row(
    ("channel", "chat"),
    [("VOICE-SIP", False), ("webchat", True), ("CHAT", True), ("MESSAGES", True), (None, False)],
)
def test_chats_and_calls_are_distinguished(channel, chat):
    assert call_facts({"channel": channel}, conversation_id="c").is_chat is chat


@each_row(
    ("number", "masked"),
    [
        ("+447700900123", "+44••••••••23"),
        ("+1 (202) 555-0143", "+12•••••••43"),
        ("07700900123", "•••••••••23"),
        ("+1234567", "+•••••67"),
        ("12345", "•••••"),
        ("sip:+447700900123@example.com", "•••••"),
        ("john.doe", "•••••"),
        ("REDACTED", None),
        ("redacted", None),
        ("  ", None),
        ("", None),
        (None, None),
        (447700900123, None),
    ],
)
def test_numbers_are_masked(number, masked):
    assert mask_number(number) == masked


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.from_regex(r"\+?[0-9 ]{5,20}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("x"), inner),
    max_leaves=3,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(ROW)), ANY))
def test_any_object_becomes_facts_that_show_no_number(payload):
    facts = call_facts(payload, conversation_id="id")
    for shown in (facts.channel, facts.direction, facts.masked_caller):
        assert not re.search(r"\d{5}", shown or "")
    for moment in (facts.started_at, facts.finished_at):
        assert moment is None or moment.tzinfo is UTC


def test_directions_are_the_apis_own_words():
    assert [str(direction) for direction in Direction] == ["combined", "user", "agent"]
