"""Deletes and reads files, and tells a deleted one from one that the app does not see."""

from collections.abc import Mapping
from typing import Any

from bot.recordings.deliveries.destination import ConversationUnseen
from bot.recordings.steps.share_attempts import FileDeleted, UploadGone
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import FileUnseen


async def delete_file(api: SlackApi, file_id: str, shown_in: str | None) -> None:
    """Delete a file; an already deleted file is no error.

    Raises:
        FileUnseen: it may still be visible in ``shown_in``.
    """
    await _ask(api, "files.delete", file_id, shown_in)


async def read_file(api: SlackApi, file_id: str, shown_in: str | None) -> Mapping[str, Any] | None:
    """Return Slack's answer about a file (docs: files.info); None for a deleted file.

    Raises:
        FileUnseen: it may still be visible in ``shown_in``.
    """
    return await _ask(api, "files.info", file_id, shown_in)


async def _ask(
    api: SlackApi, method: str, file_id: str, shown_in: str | None
) -> Mapping[str, Any] | None:
    """Call a method about one file; None if the file is deleted.

    Slack also finds no file that the app does not see (docs: files.delete), as after a change to
    the token of another app. So "not found" counts for a file that may be visible only if the bot
    is in ``shown_in``, where it would see it.
    """
    try:
        return await api.read(method, file=file_id)
    except FileDeleted:
        return None
    except UploadGone:
        if shown_in and not await _is_in(api, shown_in):
            raise FileUnseen from None
        return None


async def _is_in(api: SlackApi, channel_id: str) -> bool:
    try:
        answer = await api.read("conversations.info", channel=channel_id)
    except ConversationUnseen:
        return False
    channel = answer.get("channel") or {}
    return channel.get("is_im") is True or channel.get("is_member") is True
