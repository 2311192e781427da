"""A transcript as people read it, and on its way: in memory alone, and as it was sent."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.errors import TranscriptMissing, TranscriptNotReady
from bot.polyai.payloads import Direction
from bot.polyai.transcripts import Speaker, Transcript, Utterance
from bot.recordings.posting import PIECE_BYTES, UploadTicket
from bot.recordings.relay import Source
from bot.recordings.transcripts import Transcripts, render
from tests.conftest import NOON
from tests.recordings.test_agents import AGENTS, CALL

SOURCE = Source("T1", AGENTS["default"], CALL, Direction.COMBINED, raw=True)


def transcript(*utterances: Utterance, **changes) -> Transcript:
    values = {"started_at": NOON, "language": "en-GB", "in_progress": False, **changes}
    return Transcript(conversation_id=CALL, utterances=utterances, **values)


def caller(words: str, after_seconds: float | None = None) -> Utterance:
    at = None if after_seconds is None else NOON + timedelta(seconds=after_seconds)
    return Utterance(Speaker.CALLER, words, at)


def test_it_tells_who_said_what_and_when():
    agent = Utterance(Speaker.AGENT, "Hello.", NOON + timedelta(seconds=1))
    text = render(transcript(agent, caller("I would like to …", 62.9), caller("a room")))
    assert text.decode().splitlines() == [
        f"Conversation {CALL} · 2026-06-03 12:00 UTC · en-GB",
        "",
        "[0:01] Agent: Hello.",
        "[1:02] Caller: I would like to …",
        "Caller: a room",
    ]


def test_what_is_not_known_is_left_out():
    text = render(transcript(caller("yes", 5), started_at=None, language=None))
    assert text.decode() == f"Conversation {CALL}\n\nCaller: yes\n"


def test_a_clock_that_runs_backwards_is_not_shown():
    assert b"\nCaller: yes\n" in render(transcript(caller("yes", -5)))


@given(st.text(st.characters() | st.sampled_from("\n\r\x1b\u2028\u202e\ud800")))
def test_whatever_was_said_is_one_line_of_plain_text(words):
    text = render(transcript(caller(words))).decode("utf-8")
    assert len(text.splitlines()) == 3
    for sign in ("\x1b", "\u202e", "\x00", "\u2066"):
        assert sign not in text


def test_neither_the_transcript_nor_what_was_said_shows_in_a_log():
    said = caller("Marigold")
    assert "Marigold" not in repr(said) + repr(transcript(said))


class Desk:
    """A PolyAI that gives one transcript, and a Slack that takes it."""

    def __init__(self, given_: Transcript) -> None:
        self.given, self.sent, self.names = given_, [], []

    async def transcript(self, agent, conversation_id):
        assert (agent, conversation_id) == (AGENTS["default"], CALL)
        return self.given

    async def start_upload(self, file):
        self.names.append((file.name, file.size_bytes))
        return UploadTicket("F1", "https://upload.invalid")

    async def send(self, ticket, _file, chunks):
        assert ticket.file_id == "F1"
        self.sent = [chunk async for chunk in chunks]


async def test_it_is_sent_in_pieces_with_its_exact_size():
    desk = Desk(transcript(*(caller("word " * 2000) for _ in range(20))))
    transcripts = Transcripts(polyai=desk, posting=desk)
    size = await transcripts.measure(SOURCE)
    file_id, sent = await transcripts.transfer(SOURCE, "name.txt")
    assert (file_id, sent) == ("F1", size)
    assert b"".join(desk.sent) == render(desk.given)
    assert max(map(len, desk.sent)) == PIECE_BYTES
    assert desk.names == [("name.txt", size)]


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        (transcript(), TranscriptMissing),
        (transcript(caller("so far"), in_progress=True), TranscriptNotReady),
    ],
    ids=["nothing was said", "still going on"],
)
async def test_where_there_is_none_no_upload_is_begun(given_, error):
    desk = Desk(given_)
    transcripts = Transcripts(polyai=desk, posting=desk)
    with pytest.raises(error):
        await transcripts.measure(SOURCE)
    with pytest.raises(error):
        await transcripts.transfer(SOURCE, "name.txt")
    assert desk.names == []
