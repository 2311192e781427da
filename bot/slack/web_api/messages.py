"""Posts messages, once even if an answer is lost (docs: chat.postMessage, conversations.open)."""

from collections.abc import Awaitable
from typing import Any

from bot.errors import CallAudioError
from bot.slack.blocks import Message
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import SlackAnswerLost


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
