"""Fetches a transcript as a text file, in memory only: never on disk, in the store or in a log."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Final

from bot.polyai.client import PolyAIClient
from bot.polyai.errors import TranscriptMissing, TranscriptNotReady
from bot.polyai.transcripts import Speaker, Transcript, Utterance
from bot.recordings.transfer.relay import Source
from bot.recordings.transfer.transfer_slots import TransferSlots

# Each is held whole during its transfer: up to 16 MB of JSON, and several times that as objects.
MAX_TOGETHER: Final = 3

_SPEAKERS: Final = MappingProxyType({Speaker.CALLER: "Caller", Speaker.AGENT: "Agent"})
# Line ends, other control characters, and marks that change the reading direction.
_UNSHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


class Transcripts:
    """Fetches transcripts; at most ``MAX_TOGETHER`` are held at a time."""

    def __init__(self, *, polyai: PolyAIClient) -> None:
        self._polyai = polyai
        self._slots = TransferSlots(MAX_TOGETHER)

    @property
    def waiting(self) -> int:
        """The number of transcripts that wait for a slot."""
        return self._slots.waiting

    @asynccontextmanager
    async def fetched(self, source: Source) -> AsyncIterator[bytes]:
        """Fetch a transcript as a text file, held while the context is open.

        Raises:
            CallAudioError: there is none, or it cannot be fetched.
        """
        async with self._slots.held(source.holder):
            yield await self._fetch(source)

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
