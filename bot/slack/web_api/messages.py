"""Posts messages, once even if an answer is lost: then it finds the message by its metadata."""

from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bot.errors import CallAudioError
from bot.network.paging import Pages, PagingStuck
from bot.observability.logs import get_logger
from bot.slack.blocks import Message
from bot.slack.web_api.api import SlackApi, next_cursor
from bot.slack.web_api.errors import ScopeMissing, SlackAnswerLost, ThreadGone

log = get_logger(__name__)

# Slack's clock and ours may differ a little.
CLOCK_SLACK: Final = timedelta(minutes=2)
HISTORY_PAGE: Final = 100
MAX_PAGES: Final = 100


async def open_dm(api: SlackApi, user_id: str) -> str:
    """Open the bot's direct messages with a person; returns the channel id."""
    answer = await api.call_with_retries("conversations.open", users=user_id)
    return str(answer["channel"]["id"])


async def post(api: SlackApi, channel_id: str, message: Message, **more: Any) -> str:  # noqa: ANN401 - wire
    """Post a message without link previews, in one try; returns its ts."""
    answer = await api.call_once(
        "chat.postMessage",
        channel=channel_id,
        unfurl_links=False,
        unfurl_media=False,
        **message,
        **more,
    )
    return str(answer["ts"])


async def notify_in_dm(api: SlackApi, user_id: str, message: Message) -> None:
    """Notify a person in their direct messages with the bot, as ``notify_once`` does.

    Raises:
        CallAudioError: Slack refused, was not reached, or is away.
    """
    await notify_once(api, post(api, await open_dm(api, user_id), message))


async def notify_once(api: SlackApi, notifying: Awaitable[object]) -> None:
    """Notify a person; a lost answer counts as success if Slack is reachable.

    Slack has then probably shown the message, and a second one would be a duplicate.

    Raises:
        CallAudioError: Slack refused, was not reached, or is away.
    """
    try:
        await notifying
    except SlackAnswerLost:
        if not await is_slack_there(api):
            raise


async def is_slack_there(api: SlackApi) -> bool:
    """Return whether Slack answers a call without effects."""
    try:
        await api.call_once("auth.test")
    except CallAudioError:
        return False
    return True


def metadata(event_type: str, payload: Mapping[str, str]) -> dict[str, Any]:
    """Build a message's metadata (docs: "Message metadata"); every member can read it."""
    return {"event_type": event_type, "event_payload": dict(payload)}


async def find_own_message(
    api: SlackApi,
    channel_id: str,
    mark: Mapping[str, Any],
    since: datetime,
    thread_ts: str | None = None,
) -> str | None:
    """Return the ts of the message with that metadata, in the channel or in the thread.

    None also without the history scope, if the history does not end, or if the thread is gone.
    """
    oldest = f"{(since - CLOCK_SLACK).timestamp():.6f}"

    def fetch(cursor: str | None) -> Awaitable[Mapping[str, Any]]:
        return api.call_with_retries(
            "conversations.replies" if thread_ts else "conversations.history",
            channel=channel_id,
            ts=thread_ts,
            oldest=oldest,
            include_all_metadata=True,
            limit=HISTORY_PAGE,
            cursor=cursor,
        )

    pages = Pages(fetch, following=next_cursor, shows=_messages, max_pages=MAX_PAGES)
    try:
        async for page in pages:
            for message in _messages(page):
                if _bears(message.get("metadata") or {}, mark):
                    return str(message["ts"])
    except (ScopeMissing, ThreadGone):
        return None
    except PagingStuck:
        log.warning("history_does_not_end")
    return None


def _messages(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return page.get("messages") or []


def _bears(found: Mapping[str, Any], mark: Mapping[str, Any]) -> bool:
    payload = found.get("event_payload") or {}
    same = all(payload.get(name) == value for name, value in mark["event_payload"].items())
    return same and found.get("event_type") == mark["event_type"]
