"""The rows of PolyAI's two lists, normalised.

Both functions accept any JSON. A row also contains summaries, notes, state, metrics and turns,
which are never read.
"""

import re
from typing import Final

from bot.polyai.call_summary import CallSummary
from bot.polyai.identifiers import InvalidConversationId, check_conversation_id
from bot.polyai.payloads import (
    DIRECTIONS,
    channel_of,
    flag_of,
    mask_number,
    moment_of,
    one_of,
    seconds_of,
)

LIVE: Final = "live"
LONGEST_REASON: Final = 60
MOST_TURNS: Final = 100_000

V1_FIELDS: Final = frozenset(
    {
        *("conversationId", "startedAt", "channel", "totalDuration", "duration", "direction"),
        *("inProgress", "handoff", "handoffReason", "fromNumber", "toNumber", "clientEnv"),
    }
)
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


def summary_from_v1(row: object) -> CallSummary | None:
    """Normalise a row of the v1 list; None without a usable id and start time."""
    if not isinstance(row, dict):
        return None
    conversation_id, started_at = _id(row.get("conversationId")), moment_of(row.get("startedAt"))
    if conversation_id is None or started_at is None:
        return None
    direction = one_of(row.get("direction"), DIRECTIONS)
    length_seconds = seconds_of(row.get("totalDuration"))
    if length_seconds is None:
        length_seconds = seconds_of(row.get("duration"))
    return CallSummary(
        conversation_id=conversation_id,
        started_at=started_at,
        channel=channel_of(row.get("channel")),
        length_seconds=length_seconds,
        direction=direction,
        in_progress=flag_of(row.get("inProgress")),
        handoff=flag_of(row.get("handoff")),
        handoff_reason=_reason(row.get("handoffReason")),
        masked_caller=mask_number(row.get("toNumber" if direction == "outbound" else "fromNumber")),
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
