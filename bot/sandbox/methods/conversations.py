"""``conversations.*`` and ``users.conversations``, in pages with opaque cursors."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

from bot.sandbox.method import Arguments, Method, RefusalError, require_scope
from bot.sandbox.methods.chat import message_body
from bot.sandbox.methods.reach import joined_channel, message_at, seen_channel
from bot.sandbox.objects import Channel, Message
from bot.sandbox.workspace import Workspace

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_MOST_IN_GROUP_DM = 8
_DEFAULT_PAGE = 100
_LARGEST_PAGE = 999  # docs: "under 1,000"
_Item = TypeVar("_Item")


def _page(arguments: Arguments, items: Sequence[_Item], label: str) -> tuple[list[_Item], str]:
    """Return one page, and the cursor of the next; ``label`` ties a cursor to its list."""
    limit = arguments.number("limit", _DEFAULT_PAGE) or _DEFAULT_PAGE
    if not 1 <= limit <= _LARGEST_PAGE:
        raise RefusalError("invalid_limit")
    start, cursor = 0, arguments.text("cursor")
    if cursor:
        try:
            word, owner, number = base64.b64decode(cursor, validate=True).decode().split(":")
            start = int(number)
        except (binascii.Error, ValueError):
            raise RefusalError("invalid_cursor") from None
        if word != "next" or owner != label:
            raise RefusalError("invalid_cursor")
    following = start + limit
    token = base64.b64encode(f"next:{label}:{following}".encode()).decode()
    return list(items[start:following]), token if following < len(items) else ""


def _channel_body(workspace: Workspace, channel: Channel) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": channel.id,
        "created": 1700000000,
        "is_archived": channel.is_archived,
        "is_im": channel.is_im,
        "is_org_shared": channel.is_org_shared,
        "context_team_id": workspace.team_id,
    }
    if channel.is_im:
        # Slack's object for a direct message has none of the flags of channels.
        body |= {"user": channel.members[0], "is_user_deleted": False, "is_open": True}
    else:
        body |= {
            "name": channel.id.lower(),
            "is_channel": channel.family == "channels",
            "is_group": channel.family == "groups",
            "is_mpim": channel.is_mpim,
            "is_private": channel.is_private,
            "is_shared": channel.is_ext_shared or channel.is_org_shared,
            "is_ext_shared": channel.is_ext_shared,
            "is_pending_ext_shared": channel.is_pending_ext_shared,
            "is_member": channel.bot_is_member,
            "is_frozen": False,
            "is_read_only": channel.is_read_only,
            "is_thread_only": False,
            "is_non_threadable": False,
        }
    return {name: value for name, value in body.items() if name not in channel.omit}


def _info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = seen_channel(workspace, arguments.text("channel"), "read")
    body = _channel_body(workspace, channel)
    if arguments.flag("include_num_members") and "num_members" not in channel.omit:
        body["num_members"] = len(workspace.everyone_in(channel))
    return {"channel": body}


def _members(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = seen_channel(workspace, arguments.text("channel"), "read")
    members, cursor = _page(arguments, workspace.everyone_in(channel), channel.id)
    return {"members": members, "response_metadata": {"next_cursor": cursor}}


def _open(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    people = [user for user in arguments.text("users").split(",") if user]
    if not people:
        raise RefusalError("users_list_not_supplied")
    if len(people) > _MOST_IN_GROUP_DM:
        raise RefusalError("too_many_users")
    for user_id in people:
        user = workspace.users.get(user_id)
        if user is None:
            raise RefusalError("user_not_found")
        if user.is_bot:
            raise RefusalError("cannot_dm_bot")
        if user.deleted:
            raise RefusalError("user_disabled")
    alone = len(people) == 1
    require_scope(workspace, "im:write" if alone else "mpim:write")
    wanted = "D" if alone else "G"
    channel_id = f"{wanted}{''.join(user[1:] for user in sorted(people))}".ljust(9, "0")
    known = channel_id in workspace.channels
    if not known:
        workspace.add_channel(channel_id, members=people, is_im=alone, is_mpim=not alone)
    channel: dict[str, Any] = {"id": channel_id}
    if arguments.flag("return_im"):
        channel = _channel_body(workspace, workspace.channels[channel_id])
    again = {"no_op": True, "already_open": True} if known else {}
    return {"channel": channel, **again}


def _join(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = workspace.channels.get(arguments.text("channel"))
    if channel is None:
        raise RefusalError("channel_not_found")
    if channel.is_private:
        raise RefusalError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise RefusalError("is_archived")
    warning = {"warning": "already_in_channel"} if channel.bot_is_member else {}
    joined = workspace.change_channel(channel.id, bot_is_member=True)
    return {"channel": _channel_body(workspace, joined), **warning}


def _listed(
    workspace: Workspace, arguments: Arguments, messages: list[Message], label: str
) -> dict[str, Any]:
    inclusive = arguments.flag("inclusive")
    oldest, latest = arguments.text("oldest", "0"), arguments.text("latest", "9" * 10)
    within = [
        message
        for message in messages
        if _seconds(oldest) < _seconds(message.ts) < _seconds(latest)
        or (inclusive and message.ts in (oldest, latest))
    ]
    shown, cursor = _page(arguments, within, label)
    bodies = []
    for message in shown:
        body = message_body(workspace, message)
        if message.metadata is not None and arguments.flag("include_all_metadata"):
            body["metadata"] = dict(message.metadata)
        bodies.append(body)
    return {
        "messages": bodies,
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


def _seconds(ts: str) -> float:
    try:
        return float(ts)
    except ValueError:
        raise RefusalError("invalid_ts_oldest") from None


def _history(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = joined_channel(workspace, arguments.text("channel"), "history")
    parents = [m for m in workspace.messages(channel.id) if m.thread_ts is None]
    return _listed(workspace, arguments, parents[::-1], f"history-{channel.id}")


def _replies(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = joined_channel(workspace, arguments.text("channel"), "history")
    ts = arguments.text("ts")
    if message_at(workspace, channel.id, ts) is None:
        raise RefusalError("thread_not_found")
    return _listed(workspace, arguments, workspace.messages(channel.id, ts), f"replies-{ts}")


_FAMILIES = {"public_channel": "channels", "private_channel": "groups", "mpim": "mpim", "im": "im"}


def _of_bot(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """``users.conversations``: what the bot is a member of, by type."""
    types = arguments.text("types", "public_channel").split(",")
    if not set(types) <= set(_FAMILIES):
        raise RefusalError("invalid_types")
    families = [_FAMILIES[each] for each in types]
    for each in families:
        require_scope(workspace, f"{each}:read")
    mine = [
        channel
        for channel in workspace.channels.values()
        if channel.bot_is_member
        and channel.family in families
        and not (arguments.flag("exclude_archived") and channel.is_archived)
    ]
    shown, cursor = _page(arguments, mine, "users.conversations")
    bodies = [_channel_body(workspace, channel) for channel in shown]
    return {"channels": bodies, "response_metadata": {"next_cursor": cursor}}


METHODS = {
    "users.conversations": Method(_of_bot, scopes=_READ),
    "conversations.info": Method(_info, ("channel",), _READ),
    "conversations.members": Method(_members, ("channel",), _READ),
    "conversations.open": Method(_open, scopes=("im:write", "mpim:write")),
    "conversations.join": Method(_join, ("channel",), ("channels:join",)),
    "conversations.history": Method(_history, ("channel",), _HISTORY),
    "conversations.replies": Method(_replies, ("channel", "ts"), _HISTORY),
}
