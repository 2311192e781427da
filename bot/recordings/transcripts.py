"""Brings a transcript as a text file, from memory into the upload: never to disk, store or log."""

import re
from datetime import datetime
from types import MappingProxyType
from typing import Final

from bot.polyai.client import PolyAIClient
from bot.polyai.errors import TranscriptMissing, TranscriptNotReady
from bot.polyai.transcripts import Speaker, Transcript, Utterance
from bot.recordings.places import Places
from bot.recordings.posting import NewFile, Posting, upload_bytes
from bot.recordings.relay import Source

# Each is held whole while it moves: its answer may have 16 MB, its objects several times that.
MAX_TOGETHER: Final = 3

_SPEAKERS: Final = MappingProxyType({Speaker.CALLER: "Caller", Speaker.AGENT: "Agent"})
# Line ends, other controls, and the marks that turn the direction in which text is read.
_UNSHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


class Transcripts:
    """Fetches transcripts and sends them into uploads; at most ``MAX_TOGETHER`` at a time."""

    def __init__(self, *, polyai: PolyAIClient, posting: Posting) -> None:
        self._polyai = polyai
        self._posting = posting
        self._places = Places(MAX_TOGETHER)

    async def measure(self, source: Source) -> int:
        """Check that there is a transcript; gives its size as a file, in bytes.

        Raises:
            CallAudioError: there is none, or it cannot be had.
        """
        async with self._places.held(source.holder):
            return len(await self._fetch(source))

    async def transfer(self, source: Source, name: str) -> tuple[str, int]:
        """Send the transcript into a new upload that nobody sees yet; gives file id and size.

        Raises:
            CallAudioError: there is none, or either side failed.
        """
        async with self._places.held(source.holder):
            text = await self._fetch(source)
            file_id = await upload_bytes(self._posting, NewFile(name, len(text)), text)
        return file_id, len(text)

    async def _fetch(self, source: Source) -> bytes:
        transcript = await self._polyai.transcript(source.agent, source.conversation_id)
        if transcript.in_progress:
            raise TranscriptNotReady
        if not transcript.utterances:
            raise TranscriptMissing
        return render(transcript)


def render(transcript: Transcript) -> bytes:
    """Write the transcript as plain UTF-8 text, an utterance a line."""
    facts = [f"Conversation {transcript.conversation_id}"]
    if transcript.started_at:
        facts.append(f"{transcript.started_at:%Y-%m-%d %H:%M} UTC")
    if transcript.language:
        facts.append(transcript.language)
    lines = [_line(each, transcript.started_at) for each in transcript.utterances]
    return "\n".join([" · ".join(facts), "", *lines, ""]).encode(errors="replace")


def _line(utterance: Utterance, started_at: datetime | None) -> str:
    words = " ".join(_UNSHOWN.sub(" ", utterance.words).split())
    return f"{_offset(utterance.said_at, started_at)}{_SPEAKERS[utterance.speaker]}: {words}"


def _offset(said_at: datetime | None, started_at: datetime | None) -> str:
    if said_at is None or started_at is None or said_at < started_at:
        return ""
    minutes, seconds = divmod(int((said_at - started_at).total_seconds()), 60)
    return f"[{minutes}:{seconds:02}] "
