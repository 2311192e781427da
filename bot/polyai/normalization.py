"""The rows of PolyAI's two lists, normalised to the same value.

The functions accept any JSON. A row also contains summaries, notes, state, metrics and turns,
which are never read.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.polyai.identifiers import InvalidConversationId, check_conversation_id
from bot.polyai.payloads import (
    FACTS_FIELDS,
    call_facts,
    channel_of,
    flag_of,
    is_chat,
    mask_number,
    moment_of,
    seconds_of,
)

LIVE: Final = "live"
LONGEST_REASON: Final = 60
MOST_TURNS: Final = 100_000

V1_FIELDS: Final = FACTS_FIELDS | {"handoffReason", "clientEnv"}
"""The members that are read of a row of the v1 list."""
V3_FIELDS: Final = frozenset(
    {
        *("id", "started_at", "channel", "total_duration", "in_progress", "handoff"),
        *("handoff_reason", "from_number", "to_number", "num_silences", "num_turns"),
        "environment",
    }
)
"""The members that are read of a row of the v3 list."""

_NOT_LIVE: Final = ("pre-release", "sandbox")
_MASK: Final = "•••"
# A number, however it is grouped, or a word with an at sign.
_PERSONAL: Final = re.compile(r"\+?\d(?:[\W_]*\d){2,}|\S*@\S*")


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What is read of a row; None for what the list does not contain.

    Attributes:
        conversation_id: PolyAI's id, unchanged.
        started_at: aware, UTC.
        channel: ``VOICE-SIP``, ``WEBCHAT``, ``CHAT`` or another upper-case word.
        length_seconds: whole seconds of the entire call.
        direction: ``inbound`` or ``outbound``; not in the v3 list.
        in_progress: whether the call is still going on.
        handoff: whether it was passed on to a person.
        handoff_reason: the agent's own name for the reason, bounded, without runs of digits.
        masked_caller: the number of the person, masked.
        silences: turns in which the person said nothing; not in the v1 list.
        turns: all turns; not in the v1 list.
    """

    conversation_id: str
    started_at: datetime
    channel: str | None = None
    length_seconds: int | None = None
    direction: str | None = None
    in_progress: bool | None = None
    handoff: bool | None = None
    handoff_reason: str | None = None
    masked_caller: str | None = None
    silences: int | None = None
    turns: int | None = None

    @property
    def is_chat(self) -> bool:
        """Whether it is a chat, which has no recording."""
        return is_chat(self.channel)


def summary_from_v1(row: object) -> CallSummary | None:
    """Normalise a row of the v1 list; None without a usable id and start time."""
    if not isinstance(row, dict):
        return None
    conversation_id = _id(row.get("conversationId"))
    facts = call_facts(row, conversation_id=conversation_id or "")
    if conversation_id is None or facts.started_at is None:
        return None
    return CallSummary(
        conversation_id=conversation_id,
        started_at=facts.started_at,
        channel=facts.channel,
        length_seconds=facts.length_seconds,
        direction=facts.direction,
        in_progress=facts.in_progress,
        handoff=facts.handoff,
        handoff_reason=_reason(row.get("handoffReason")),
        masked_caller=facts.masked_caller,
    )


def summary_from_v3(row: object) -> CallSummary | None:
    """Normalise a row of the v3 list; None without a usable id and start time.

    The list has no direction, but an outbound call's id shows which number is the person's.
    """
    if not isinstance(row, dict):
        return None
    conversation_id, started_at = _id(row.get("id")), moment_of(row.get("started_at"))
    if conversation_id is None or started_at is None:
        return None
    called = conversation_id.startswith("OUT-")
    return CallSummary(
        conversation_id=conversation_id,
        started_at=started_at,
        channel=channel_of(row.get("channel")),
        length_seconds=seconds_of(row.get("total_duration")),
        in_progress=flag_of(row.get("in_progress")),
        handoff=flag_of(row.get("handoff")),
        handoff_reason=_reason(row.get("handoff_reason")),
        masked_caller=mask_number(row.get("to_number" if called else "from_number")),
        silences=_count(row.get("num_silences")),
        turns=_count(row.get("num_turns")),
    )


def is_live_v1(row: object) -> bool:
    """Whether the row is a live conversation: the v1 list contains other environments too."""
    return isinstance(row, dict) and row.get("clientEnv") == LIVE


def is_live_v3(row: object) -> bool:
    """Whether the row may be a live conversation: the request asked for live ones only."""
    return isinstance(row, dict) and row.get("environment") not in _NOT_LIVE


def _id(value: object) -> str | None:
    try:
        return check_conversation_id(value) if isinstance(value, str) else None
    except InvalidConversationId:
        return None


def _reason(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    # Bounded first, so that no discarded text is searched.
    shown = "".join(each if each.isprintable() else " " for each in value[: 4 * LONGEST_REASON])
    shown = " ".join(_PERSONAL.sub(_MASK, shown).split())
    if len(shown) > LONGEST_REASON:
        shown = shown[: LONGEST_REASON - 1].rstrip() + "…"
    return shown or None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MOST_TURNS else None
