"""Transcripts from PolyAI: requested only with the raw key, and read with any content."""

import dataclasses
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.transcripts import Speaker, transcript_of
from bot.sandbox.polyai_calls import SAID
from tests.examples import JSON
from tests.polyai.test_polyai_against_sandbox import CALL, agent, polyai
from tests.tables import each_row

__all__ = ["agent", "polyai"]


async def test_a_transcript_is_requested_with_the_raw_key_and_contains_both_sides(
    polyai, client, agent
):
    transcript = await client.transcript(agent, CALL)
    assert [r.key_kind for r in polyai.requests] == ["raw"]
    spoken = [words for turn in SAID for words in turn if words]
    assert [each.words for each in transcript.utterances] == spoken
    assert transcript.utterances[1].speaker is Speaker.CALLER
    assert (transcript.language, transcript.in_progress) == ("en-GB", False)


async def test_the_plain_key_gets_no_words_of_a_transcript(client, agent):
    plain = dataclasses.replace(agent, pii_api_key=agent.api_key)
    transcript = await client.transcript(plain, CALL)
    assert {each.words for each in transcript.utterances} == {"REDACTED"}


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


TURNS = st.lists(st.dictionaries(st.sampled_from(["user_input", "agent_response"]), JSON))


@given(
    st.dictionaries(st.sampled_from(["startedAt", "language", "inProgress"]), JSON), JSON | TURNS
)
def test_any_answer_is_read_without_an_error(payload, turns):
    for each in transcript_of({**payload, "turns": turns}, conversation_id=CALL).utterances:
        assert each.words.strip()


@each_row(
    ("language", "read"),
    [("en-GB", "en-GB"), ("zh-Hans-CN", "zh-Hans-CN"), ("+44 20", None), (7, None), ("", None)],
)
def test_a_language_is_a_tag_or_none(language, read):
    assert transcript_of({"language": language}, conversation_id=CALL).language == read
