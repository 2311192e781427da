"""Which conversations the app can see and write to, by Slack's rules."""

from bot.sandbox.method import RefusalError, require_scope
from bot.sandbox.objects import Channel, Message
from bot.sandbox.workspace import Workspace


def seen_channel(workspace: Workspace, channel_id: str, scope: str = "") -> Channel:
    """Return the conversation; a private one without the bot is `channel_not_found`.

    ``scope`` is the second half of the scope that this kind of conversation requires.
    """
    channel = workspace.channels.get(channel_id)
    if channel is None or (channel.is_private and not channel.bot_is_member):
        raise RefusalError("channel_not_found")
    if scope:
        require_scope(workspace, f"{channel.family}:{scope}")
    return channel


def joined_channel(workspace: Workspace, channel_id: str, scope: str = "") -> Channel:
    """The conversation, which the bot must be in."""
    channel = seen_channel(workspace, channel_id, scope)
    if not channel.bot_is_member:
        raise RefusalError("not_in_channel")
    return channel


def writable_channel(workspace: Workspace, channel_id: str, *, read_only_error: str) -> Channel:
    """The conversation, which the bot must be in and able to post to."""
    channel = joined_channel(workspace, channel_id)
    if channel.is_archived:
        raise RefusalError("is_archived")
    if channel.is_read_only:
        raise RefusalError(read_only_error)
    return channel


def message_at(workspace: Workspace, channel_id: str, ts: str) -> Message | None:
    """The message with this ``ts``."""
    message = workspace.timeline.get(channel_id, {}).get(ts)
    return message if message and message.visible_at <= workspace.clock() else None


def thread_parent(workspace: Workspace, channel_id: str, thread_ts: str) -> str | None:
    """The ``ts`` to reply under, None when none was asked for; a reply's ``ts`` is refused."""
    if not thread_ts:
        return None
    parent = message_at(workspace, channel_id, thread_ts)
    if parent is None:
        raise RefusalError("thread_not_found")
    if parent.thread_ts is not None:
        raise RefusalError("cannot_reply_to_message")
    return parent.ts
