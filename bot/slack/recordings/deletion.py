"""Deletes files, and tells a deleted one from one that the app does not see."""

from bot.recordings.deliveries.destination import ConversationUnseen
from bot.recordings.steps.share_attempts import FileDeleted, UploadGone
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import FileUnseen


async def delete_file(api: SlackApi, file_id: str, shown_in: str | None) -> None:
    """Delete a file; an already deleted file is no error.

    Slack also finds no file that the app does not see (docs: files.delete), as after a change to
    the token of another app. So "not found" counts for a file that may be visible only if the bot
    is in ``shown_in``, where it would see it.

    Raises:
        FileUnseen: it may still be visible there.
    """
    try:
        await api.read("files.delete", file=file_id)
    except FileDeleted:
        return
    except UploadGone:
        if shown_in and not await _is_in(api, shown_in):
            raise FileUnseen from None


async def _is_in(api: SlackApi, channel_id: str) -> bool:
    try:
        answer = await api.read("conversations.info", channel=channel_id)
    except ConversationUnseen:
        return False
    channel = answer.get("channel") or {}
    return channel.get("is_im") is True or channel.get("is_member") is True
