"""A transcript as a text file: readable, in memory only, and complete."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.errors import TranscriptMissing, TranscriptNotReady
from bot.polyai.payloads import Direction
from bot.polyai.transcripts import Speaker, Transcript, Utterance
from bot.recordings.steps.transcripts import MAX_TOGETHER, Transcripts, render
from bot.recordings.transfer.relay import Source
from tests.conftest import NOON
from tests.recordings.references.test_agents import AGENTS, CALL

SOURCE = Source("T1", AGENTS["default"], CALL, Direction.COMBINED, raw=True)


def transcript(*utterances: Utterance, **changes) -> Transcript:
    values = {"started_at": NOON, "language": "en-GB", "in_progress": False, **changes}
    return Transcript(conversation_id=CALL, utterances=utterances, **values)


def caller(words: str, after_seconds: float | None = None) -> Utterance:
    at = None if after_seconds is None else NOON + timedelta(seconds=after_seconds)
    return Utterance(Speaker.CALLER, words, at)


def test_each_line_has_the_speaker_the_words_and_the_time():
    agent = Utterance(Speaker.AGENT, "Hello.", NOON + timedelta(seconds=1))
    text = render(transcript(agent, caller("I would like to …", 62.9), caller("a room")))
    assert text.decode().splitlines() == [
        f"Conversation {CALL} · 2026-06-03 12:00 UTC · en-GB",
        "",
        "[0:01] Agent: Hello.",
        "[1:02] Caller: I would like to …",
        "Caller: a room",
    ]


def test_unknown_facts_are_left_out():
    text = render(transcript(caller("yes", 5), started_at=None, language=None))
    assert text.decode() == f"Conversation {CALL}\n\nCaller: yes\n"


def test_what_a_text_file_cannot_hold_is_replaced():
    text = render(transcript(caller("half a \ud800 pair,\x1ba control character", 0)))
    assert text.decode().splitlines()[2:] == ["[0:00] Caller: half a ? pair, a control character"]


def test_a_time_before_the_start_is_not_shown():
    assert b"\nCaller: yes\n" in render(transcript(caller("yes", -5)))


@given(st.text(st.characters() | st.sampled_from("\n\r\x1b\u2028\u202e\ud800")))
def test_any_utterance_is_one_line_of_plain_text(words):
    text = render(transcript(caller(words))).decode("utf-8")
    assert len(text.splitlines()) == 3
    for sign in ("\x1b", "\u202e", "\x00", "\u2066"):
        assert sign not in text


def test_the_transcript_is_not_logged():
    said = caller("Marigold")
    assert "Marigold" not in repr(said) + repr(transcript(said))


class OneTranscript:
    """A PolyAI with one transcript."""

    def __init__(self, given_: Transcript) -> None:
        self.given = given_

    async def transcript(self, agent, conversation_id):
        assert (agent in AGENTS.values(), conversation_id) == (True, CALL)
        return self.given


async def test_a_transcript_is_fetched_as_a_text_file():
    polyai = OneTranscript(transcript(caller("yes")))
    async with Transcripts(polyai=polyai).fetched(SOURCE) as text:
        assert text == render(polyai.given)


async def test_one_agent_never_holds_the_last_slot():
    transcripts = Transcripts(polyai=OneTranscript(transcript(caller("yes"))))
    async with AsyncExitStack() as held:
        for _ in range(MAX_TOGETHER - 1):
            await held.enter_async_context(transcripts.fetched(SOURCE))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), transcripts.fetched(SOURCE):
                pass
        async with transcripts.fetched(replace(SOURCE, agent=AGENTS["sales"])) as text:
            assert text


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        (transcript(), TranscriptMissing),
        (transcript(caller("so far"), in_progress=True), TranscriptNotReady),
    ],
    ids=["nothing was said", "still going on"],
)
async def test_a_missing_transcript_is_an_error(given_, error):
    with pytest.raises(error):
        async with Transcripts(polyai=OneTranscript(given_)).fetched(SOURCE):
            pass
