"""What was said in a call, from PolyAI's facts of it: personal data, as raw audio is.

Read with the raw key only, held in memory only. Keypad input, translations, state, metrics and a
turn's metadata repeat or add personal data and are never read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.polyai.payloads import language_tag, moment_of

TRANSCRIPT_FIELDS: Final = frozenset(
    {
        *("conversationId", "startedAt", "language", "inProgress", "turns"),
        *("user_input", "user_input_datetime", "agent_response", "agent_response_datetime"),
    }
)
"""The members that ``transcript_of`` reads, and the one that an error payload lacks."""


class Speaker(StrEnum):
    """Who spoke."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing that one side said; ``said_at`` is aware UTC, None if PolyAI does not say."""

    speaker: Speaker
    words: str = field(repr=False)
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, in order; empty where the project keeps no transcripts or nobody spoke."""

    conversation_id: str
    started_at: datetime | None
    language: str | None
    in_progress: bool
    utterances: tuple[Utterance, ...] = field(repr=False)


def transcript_of(payload: Mapping[str, object], *, conversation_id: str) -> Transcript:
    """Read a get-one answer; never fails, whatever the fields hold.

    A turn is the caller's words and then the agent's; either may be empty, null or missing.
    """
    turns = payload.get("turns")
    return Transcript(
        conversation_id=conversation_id,
        started_at=moment_of(payload.get("startedAt")),
        language=language_tag(payload.get("language")),
        in_progress=payload.get("inProgress") is True,
        utterances=tuple(
            utterance
            for turn in (turns if isinstance(turns, list) else [])
            if isinstance(turn, dict)
            for utterance in _said_in(turn)
        ),
    )


def _said_in(turn: Mapping[str, object]) -> Iterator[Utterance]:
    fields = ((Speaker.CALLER, "user_input"), (Speaker.AGENT, "agent_response"))
    for speaker, name in fields:
        words = turn.get(name)
        if isinstance(words, str) and words.strip():
            yield Utterance(speaker, words, moment_of(turn.get(f"{name}_datetime")))
