"""Posts messages and opens direct messages (docs: chat.postMessage, conversations.open)."""

from typing import Any

from bot.slack.blocks import Message
from bot.slack.web_api.api import SlackApi


async def open_dm(api: SlackApi, user_id: str) -> str:
    """Open the bot's direct messages with a person; returns the channel id."""
    answer = await api.read("conversations.open", users=user_id)
    return str(answer["channel"]["id"])


async def post(api: SlackApi, channel_id: str, message: Message, **more: Any) -> str:  # noqa: ANN401 - wire
    """Post a message without link previews, in one try; returns its ts."""
    answer = await api.write(
        "chat.postMessage",
        channel=channel_id,
        unfurl_links=False,
        unfurl_media=False,
        **message,
        **more,
    )
    return str(answer["ts"])
