"""Finds a message of ours again by its metadata, after Slack's answer to the post was lost."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import ScopeMissing, ThreadGone

# Slack's clock and ours differ a little.
CLOCK_SLACK: Final = timedelta(minutes=2)
HISTORY_PAGE: Final = 100


def metadata(event_type: str, payload: Mapping[str, str]) -> dict[str, Any]:
    """Mark a message (docs: "Message metadata"); anybody in the workspace may read it."""
    return {"event_type": event_type, "event_payload": dict(payload)}


async def find_own_message(
    api: SlackApi,
    channel_id: str,
    mark: Mapping[str, Any],
    since: datetime,
    thread_ts: str | None = None,
) -> str | None:
    """Give the ts of the message with that mark, in the channel or in the thread.

    None also where history may not be read, and where the thread is gone.
    """
    oldest = f"{(since - CLOCK_SLACK).timestamp():.6f}"
    cursor: str | None = None
    while True:
        try:
            answer = await api.read(
                "conversations.replies" if thread_ts else "conversations.history",
                channel=channel_id,
                ts=thread_ts,
                oldest=oldest,
                include_all_metadata=True,
                limit=HISTORY_PAGE,
                cursor=cursor,
            )
        except (ScopeMissing, ThreadGone):
            return None
        for message in answer.get("messages", []):
            if _bears(message.get("metadata") or {}, mark):
                return str(message["ts"])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return None


def _bears(found: Mapping[str, Any], mark: Mapping[str, Any]) -> bool:
    payload = found.get("event_payload") or {}
    same = all(payload.get(name) == value for name, value in mark["event_payload"].items())
    return same and found.get("event_type") == mark["event_type"]
