"""What callaudio reads of PolyAI's payloads, safe to show.

Transcripts, summaries, state, metrics and function events may hold personal data and are not read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

_LONGEST_CALL_SECONDS = 7 * 86_400
_MASK = "•"
DIRECTIONS = ("inbound", "outbound")
FACTS_FIELDS: Final = frozenset(
    {
        *("conversationId", "channel", "startedAt", "finishedAt", "totalDuration", "duration"),
        *("direction", "fromNumber", "toNumber", "handoff", "inProgress"),
    }
)
"""The members that ``call_facts`` reads, and the one that an error payload lacks."""


class Direction(StrEnum):
    """Whose voice is in the audio; the values are the API's own."""

    COMBINED = "combined"
    USER = "user"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class CallFacts:
    """The facts of a call that may be shown.

    Attributes:
        conversation_id: the requested id.
        channel: ``VOICE-SIP``, ``WEBCHAT``, ``CHAT`` or another upper-case word.
        started_at: aware, UTC.
        finished_at: aware, UTC; None during the call, and often after it.
        length_seconds: whole seconds of the entire call.
        direction: ``inbound`` or ``outbound``.
        handoff: whether the call was passed on to a person.
        in_progress: whether the call is still going on.
        masked_caller: the number of the person, as ``+44•••••••90``; None if unknown or redacted.
    """

    conversation_id: str
    channel: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    length_seconds: int | None = None
    direction: str | None = None
    handoff: bool | None = None
    in_progress: bool | None = None
    masked_caller: str | None = None

    @property
    def is_chat(self) -> bool:
        """Whether it is a chat, which has no recording."""
        return is_chat(self.channel)


def call_facts(payload: Mapping[str, object], *, conversation_id: str) -> CallFacts:
    """Normalise a v1 row or get-one answer; never fails, whatever the fields hold.

    Fields that are absent, null or of a wrong type become None. Naive times are read as UTC. The
    person is the caller of an inbound and the callee of an outbound conversation.
    """
    direction = one_of(payload.get("direction"), DIRECTIONS)
    number = payload.get("toNumber" if direction == "outbound" else "fromNumber")
    length_seconds = seconds_of(payload.get("totalDuration"))
    if length_seconds is None:
        length_seconds = seconds_of(payload.get("duration"))
    return CallFacts(
        conversation_id=conversation_id,
        channel=channel_of(payload.get("channel")),
        started_at=moment_of(payload.get("startedAt")),
        finished_at=moment_of(payload.get("finishedAt")),
        length_seconds=length_seconds,
        direction=direction,
        handoff=flag_of(payload.get("handoff")),
        in_progress=flag_of(payload.get("inProgress")),
        masked_caller=mask_number(number),
    )


def is_chat(channel: str | None) -> bool:
    """Return whether a channel is a chat; an unknown channel counts as a voice call."""
    return channel is not None and ("CHAT" in channel or "MESSAG" in channel)


def mask_number(number: object) -> str | None:
    """Mask a phone number except its last two digits and, if it is long, its country code.

    Names (SIP addresses and the like) and short numbers are masked entirely. None for an empty
    value, other types and PolyAI's own ``REDACTED``.
    """
    if not isinstance(number, str):
        return None
    text = re.sub(r"[\s().-]", "", number)
    if not text or text.upper() == "REDACTED":
        return None
    match = re.fullmatch(r"(\+?)([0-9]{6,18})", text)
    if match is None:
        return _MASK * 5
    plus, digits = match.groups()
    shown = 2 if plus and len(digits) >= 9 else 0  # noqa: PLR2004 - shorter ones would show half of themselves
    return plus + digits[:shown] + _MASK * (len(digits) - shown - 2) + digits[-2:]


def moment_of(value: object) -> datetime | None:
    """Read an ISO 8601 time as UTC, a naive one too; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def seconds_of(value: object) -> int | None:
    """Read the length of a call in whole seconds; None if it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _LONGEST_CALL_SECONDS else None  # NaN fails both


def flag_of(value: object) -> bool | None:
    """Read a boolean; None for any other type."""
    return value if isinstance(value, bool) else None


def one_of(value: object, known: tuple[str, ...]) -> str | None:
    """Read one of the known words."""
    return value if isinstance(value, str) and value in known else None


def language_tag(value: object) -> str | None:
    """Read a language tag such as ``en-GB``; None for any other text."""
    if not isinstance(value, str):
        return None
    return value if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z]{2,8}){0,3}", value) else None


def channel_of(value: object) -> str | None:
    """Read a channel's name in upper case."""
    # Letters only: a field that is shown must not be able to carry a number.
    if not isinstance(value, str):
        return None
    channel = value.strip().upper()
    return channel if re.fullmatch(r"[A-Z][A-Z_-]{0,31}", channel) else None
