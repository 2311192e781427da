"""Slack's files: their deletion, and where they are shared (docs: "File object", `files.info`).

A deleted file is distinguished from one that the app does not see.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.recordings.deliveries.shares import FileShares, SharedIn
from bot.recordings.deliveries.slack_errors import (
    ConversationUnseen,
    FileDeleted,
    FileUnseen,
    UploadGone,
)
from bot.slack.web_api.api import SlackApi

_ID_LISTS = ("channels", "groups", "ims")
# The first is in the examples of the docs, the second only in what some workspaces send.
_CUT_SHORT = ("has_more_shares", "skipped_shares")


def shares_of(file: object) -> FileShares:
    """Read every conversation that the object names; a missing field counts as unknown."""
    if not isinstance(file, dict):
        return FileShares(has_public_link=None, is_complete=False)
    places: dict[str, SharedIn] = {}
    for place in (*_shares(file.get("shares")), *_listed(file)):
        known = places.get(place.channel_id)
        if known is None or known.ts is None:
            places[place.channel_id] = place
    link = file.get("public_url_shared")
    return FileShares(
        places=tuple(places.values()),
        has_public_link=link if isinstance(link, bool) else None,
        is_complete=not any(file.get(name) for name in _CUT_SHORT),
    )


def _shares(shares: object) -> Iterator[SharedIn]:
    reaches = shares.values() if isinstance(shares, dict) else ()
    for reach in reaches:
        for channel_id, messages in (reach if isinstance(reach, dict) else {}).items():
            yield SharedIn(str(channel_id))
            for message in messages if isinstance(messages, list) else ():
                if isinstance(message, dict):
                    ts, by = _text(message.get("ts")), _text(message.get("share_user_id"))
                    yield SharedIn(str(channel_id), ts, by)


def _listed(file: dict[str, Any]) -> Iterator[SharedIn]:
    for name in _ID_LISTS:
        ids = file.get(name)
        for channel_id in ids if isinstance(ids, list) else ():
            if _text(channel_id):
                yield SharedIn(channel_id)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


async def is_left_out(api: SlackApi, file_id: str, channel_id: str) -> bool:
    """Return whether Slack has processed a shared file and yet shows it in no conversation.

    Until it is processed, its type is empty (python-slack-sdk#1277). A file that somebody deleted,
    such as a filter against data loss, was not left out: it must not be posted again.

    Raises:
        FileUnseen: it may be visible in ``channel_id``.
    """
    try:
        answer = await _find(api, "files.info", file_id, channel_id)
    except FileDeleted:
        return False
    file = None if answer is None else answer.get("file")
    is_processed = isinstance(file, dict) and bool(file.get("mimetype"))
    return answer is None or (is_processed and not shares_of(file).places)


async def call_about(
    api: SlackApi, method: str, file_id: str, shown_in: str | None
) -> Mapping[str, Any] | None:
    """Call a method about one file; None if the file is deleted.

    Raises:
        FileUnseen: it may still be visible in ``shown_in``.
    """
    try:
        return await _find(api, method, file_id, shown_in)
    except FileDeleted:
        return None


async def _find(
    api: SlackApi, method: str, file_id: str, shown_in: str | None
) -> Mapping[str, Any] | None:
    """Call a method about one file; None if Slack does not find it.

    Slack also finds no file that the app does not see (docs: files.delete), as after a change to
    the token of another app. So "not found" counts for a file that may be visible only if the bot
    is in ``shown_in``, where it would see it.
    """
    try:
        return await api.call_with_retries(method, file=file_id)
    except FileDeleted:
        raise
    except UploadGone:
        if shown_in and not await _is_in(api, shown_in):
            raise FileUnseen from None
        return None


async def _is_in(api: SlackApi, channel_id: str) -> bool:
    try:
        answer = await api.call_with_retries("conversations.info", channel=channel_id)
    except ConversationUnseen:
        return False
    channel = answer.get("channel") or {}
    return channel.get("is_im") is True or channel.get("is_member") is True
