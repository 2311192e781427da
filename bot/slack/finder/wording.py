"""Every text of the modal that finds calls."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.polyai.normalization import CallSummary
from bot.recordings.requests.request_writer import StoredRequest
from bot.slack.recordings import replies
from bot.slack.wording import escape, length

TITLE: Final = "Find a call"
OPEN: Final = "Find a call"
SEND: Final = "Send recording"
WHICH: Final = "Which call?"
WHERE: Final = "Where should it be posted?"
SIDE: Final = "Which side of the call?"
VARIANT: Final = "Variant"
REDACTED: Final = "Redacted, even if I may hear it unredacted"
PICK_DAY: Final = "Any day"
OLDER: Final = "Older"
NEWER: Final = "Newer"
DEFAULT_AGENT: Final = "default agent"
NONE_SO_FAR: Final = (
    "There is no such call in this part of the list. *Older* searches further back."
)
NONE: Final = "No matching call was found."
RULES: Final = "Whether you get it unredacted or redacted depends on who can hear it there."

HANDOFFS: Final = (
    ("any", "Any outcome"),
    ("yes", "Handed over to a person"),
    ("no", "Not handed over"),
)


def when(call: CallSummary, zone: ZoneInfo) -> str:
    """Format start, length and result of a call; 75 characters at most."""
    parts = [
        _moment(call.started_at.astimezone(zone)),
        length(call.length_seconds),
        call.direction,
        "still going on" if call.in_progress else None,
        "handed over" if call.handoff else None,
    ]
    return " · ".join(part for part in parts if part)


def which(call: CallSummary) -> str:
    """Format the id and the masked number of a call; 75 characters at most."""
    room = 75 - len(call.masked_caller or "") - 3
    shown = call.conversation_id
    if len(shown) > room:
        shown = shown[: room - 1] + "…"
    return f"{call.masked_caller} · {shown}" if call.masked_caller else shown


def about(agent_name: str | None, zone: ZoneInfo, *, has_day: bool) -> str:
    """Word what is listed, and in which time zone."""
    whose = f"Phone calls of `{escape(agent_name)}`" if agent_name else "Phone calls"
    period = "" if has_day else " of the last 30 days"
    return f"{whose}{period}, the newest first. Times are in {escape(zone.key)}. {RULES}"


def accepted(stored: StoredRequest, conversation_id: str, channel_id: str) -> str:
    """Word that a recording was requested, and its destination."""
    has_name = channel_id.startswith(("C", "G"))
    place = f"<#{escape(channel_id)}>" if has_name else "the direct messages you chose"
    return f"{replies.accepted(stored, conversation_id)}\nIt will be posted in {place}."


def _moment(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b} {at:%H:%M}"
