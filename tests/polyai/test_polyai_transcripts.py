"""Transcripts from PolyAI: requested only with the raw key, and read with any content."""

import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.transcripts import Speaker, transcript_of
from bot.sandbox.polyai_calls import SAID
from tests.polyai.test_polyai_against_sandbox import CALL, agent, agent_with, polyai
from tests.tables import each_row

__all__ = ["agent", "polyai"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


async def test_a_transcript_is_requested_with_the_raw_key_and_contains_both_sides(
    polyai, client, agent
):
    transcript = await client.transcript(agent, CALL)
    assert [r.key_kind for r in polyai.requests] == ["raw"]
    spoken = [words for turn in SAID for words in turn if words]
    assert [each.words for each in transcript.utterances] == spoken
    assert transcript.utterances[1].speaker is Speaker.CALLER
    assert (transcript.language, transcript.in_progress) == ("en-GB", False)


async def test_the_plain_key_gets_no_words_of_a_transcript(polyai, client):
    plain = agent_with(polyai)
    transcript = await client.transcript(
        dataclasses.replace(plain, pii_api_key=plain.api_key), CALL
    )
    assert {each.words for each in transcript.utterances} == {"REDACTED"}


async def test_without_a_raw_key_it_is_a_programming_error_and_makes_no_request(
    polyai, client, agent
):
    with pytest.raises(ValueError, match="without a raw key"):
        await client.transcript(dataclasses.replace(agent, pii_api_key=None), CALL)
    assert polyai.requests == []


def test_the_callers_words_come_before_the_agents_of_the_same_turn():
    turn = {
        "user_input": "yes",
        "user_input_datetime": "2026-06-03T13:18:06.370000",
        "agent_response": "Good.",
        "agent_response_datetime": "2026-06-03T15:18:07+02:00",
        "user_input_dtmf": "4111111111111111",
        "translated_user_input": "oui",
        "metadata": {"top_transcripts": [{"text": "yes sir"}]},
    }
    read = transcript_of({"turns": [turn]}, conversation_id=CALL)
    assert [(each.speaker, each.words, each.said_at) for each in read.utterances] == [
        (Speaker.CALLER, "yes", datetime(2026, 6, 3, 13, 18, 6, 370000, tzinfo=UTC)),
        (Speaker.AGENT, "Good.", datetime(2026, 6, 3, 13, 18, 7, tzinfo=UTC)),
    ]


@each_row(
    "turns",
    [None, [], "turns", [None], [[]], [{}], [{"user_input": None, "agent_response": "  "}]],
    ids=repr,
)
def test_a_call_without_words_has_an_empty_transcript(turns):
    assert transcript_of({"turns": turns}, conversation_id=CALL).utterances == ()


@given(st.dictionaries(st.sampled_from(["turns", "startedAt", "language", "inProgress"]), JSON))
def test_any_answer_is_a_transcript_or_an_error(payload):
    transcript_of(payload, conversation_id=CALL)


@given(st.lists(st.dictionaries(st.sampled_from(["user_input", "agent_response"]), JSON)))
def test_any_turn_is_read_without_an_error(turns):
    for each in transcript_of({"turns": turns}, conversation_id=CALL).utterances:
        assert each.words.strip()


@each_row(
    ("language", "read"),
    [("en-GB", "en-GB"), ("zh-Hans-CN", "zh-Hans-CN"), ("+44 20", None), (7, None), ("", None)],
)
def test_a_language_is_a_tag_or_none(language, read):
    assert transcript_of({"language": language}, conversation_id=CALL).language == read
