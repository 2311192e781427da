"""``chat.*``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.content import LONGEST_UPDATE
from bot.sandbox.method import Arguments, Method, RefusalError
from bot.sandbox.methods.reach import message_at, seen_channel, thread_parent, writable_channel
from bot.sandbox.objects import Ephemeral, Message
from bot.sandbox.workspace import Workspace


def message_body(workspace: Workspace, message: Message) -> dict[str, Any]:
    """The message as Slack writes it, without its metadata."""
    body: dict[str, Any] = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": workspace.team_id,
    }
    if message.user == workspace.bot_user_id:
        body |= {"bot_id": workspace.bot_id, "app_id": workspace.app_id}
    if message.blocks:
        body["blocks"] = list(message.blocks)
    thread_ts = workspace.thread_of(message)
    if thread_ts:
        body["thread_ts"] = thread_ts
    if message.files:
        held = [workspace.file_table[file_id] for file_id in message.files]
        body["files"] = [{"id": file.id, "name": file.name, "title": file.title} for file in held]
    return body


def _metadata(arguments: Arguments) -> Mapping[str, Any] | None:
    error = "invalid_metadata_format"
    metadata = arguments.structure("metadata", error=error)
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or set(metadata) != {"event_type", "event_payload"}:
        raise RefusalError(error)
    if not isinstance(metadata["event_type"], str) or not isinstance(
        metadata["event_payload"], dict
    ):
        raise RefusalError(error)
    return metadata


def _post_message(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = writable_channel(
        workspace, arguments.text("channel"), read_only_error="restricted_action_read_only_channel"
    )
    text, blocks = arguments.message()
    thread_ts = thread_parent(workspace, channel.id, arguments.text("thread_ts"))
    message = workspace.post(
        channel.id,
        workspace.bot_user_id,
        text,
        blocks=blocks,
        metadata=_metadata(arguments),
        thread_ts=thread_ts,
    )
    return {"channel": channel.id, "ts": message.ts, "message": message_body(workspace, message)}


def _post_ephemeral(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = seen_channel(workspace, arguments.text("channel"))
    if not channel.bot_is_member:
        raise RefusalError("channel_not_found")
    if arguments.text("user") not in channel.members:
        raise RefusalError("user_not_in_channel")
    text, blocks = arguments.message()
    shown = workspace.show(Ephemeral(channel.id, arguments.text("user"), text, blocks))
    return {"message_ts": shown.ts}


def _own_message(workspace: Workspace, arguments: Arguments, *, foreign_error: str) -> Message:
    channel = seen_channel(workspace, arguments.text("channel"))
    message = message_at(workspace, channel.id, arguments.text("ts"))
    if message is None:
        raise RefusalError("message_not_found")
    if message.user != workspace.bot_user_id:
        raise RefusalError(foreign_error)
    return message


def _update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    message = _own_message(workspace, arguments, foreign_error="cant_update_message")
    text, blocks = arguments.message(LONGEST_UPDATE)
    metadata = _metadata(arguments) or message.metadata
    changed = replace(message, text=text, blocks=blocks, metadata=metadata, edited=True)
    workspace.timeline[message.channel][message.ts] = changed
    return {
        "channel": message.channel,
        "ts": message.ts,
        "text": text,
        "message": message_body(workspace, changed),
    }


def _delete(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    message = _own_message(workspace, arguments, foreign_error="cant_delete_message")
    del workspace.timeline[message.channel][message.ts]
    return {"channel": message.channel, "ts": message.ts}


def _permalink(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel = seen_channel(workspace, arguments.text("channel"))
    message = message_at(workspace, channel.id, arguments.text("message_ts"))
    if message is None:
        raise RefusalError("message_not_found")
    link = f"https://sandbox.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


METHODS = {
    "chat.postMessage": Method(_post_message, ("channel",), ("chat:write",)),
    "chat.postEphemeral": Method(_post_ephemeral, ("channel", "user"), ("chat:write",)),
    "chat.update": Method(_update, ("channel", "ts"), ("chat:write",)),
    "chat.delete": Method(_delete, ("channel", "ts"), ("chat:write",)),
    "chat.getPermalink": Method(_permalink, ("channel", "message_ts")),
}
