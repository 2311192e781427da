"""``files.*``: the upload in three steps, and the deletion of a file, as Slack documents them."""

import hashlib
from dataclasses import replace
from typing import Any

from bot.sandbox.method import Arguments, Method, RefusalError
from bot.sandbox.methods.reach import thread_parent, writable_channel
from bot.sandbox.objects import Channel, File, FileShare
from bot.sandbox.roster import CHANNEL_ID
from bot.sandbox.workspace import Workspace

_ALT_TEXT_CHARACTERS = 1000


def _upload_url(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    length = arguments.number("length", 0)
    if length < 1:
        raise RefusalError("missing_argument")
    if length > workspace.largest_file_bytes:
        raise RefusalError("file_upload_size_restricted")
    name = arguments.text("filename")
    alt_text = arguments.text("alt_txt")
    if len(alt_text) > _ALT_TEXT_CHARACTERS:
        raise RefusalError("invalid_arguments")
    file = File(workspace.next_id("F"), name, name, length, alt_text=alt_text)
    workspace.file_table[file.id] = file
    secret = workspace.passes.issue("upload", seconds=workspace.upload_url_seconds, file=file.id)
    return {"file_id": file.id, "upload_url": f"{workspace.origin}/upload/v1/{secret}"}


def _wanted_files(workspace: Workspace, arguments: Arguments) -> list[File]:
    wanted = arguments.structure("files")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(w, dict) for w in wanted):
        raise RefusalError("invalid_arguments")
    ids = [str(item.get("id", "")) for item in wanted]
    if len(set(ids)) < len(ids):
        raise RefusalError("invalid_arguments")  # each file once
    found = []
    for item in wanted:
        file = workspace.file_table.get(str(item.get("id", "")))
        if file is None or file.deleted or not file.uploaded:
            raise RefusalError("file_not_found")
        if file.completed_times:
            raise RefusalError(workspace.second_completion_error)
        found.append(replace(file, title=str(item.get("title") or file.name)))
    return found


def _destination(workspace: Workspace, arguments: Arguments) -> tuple[Channel | None, str | None]:
    channel_id, thread_ts = arguments.text("channel_id"), arguments.text("thread_ts")
    if arguments.text("channels"):
        raise RefusalError("invalid_arguments")  # one channel, by id, is all the stand-in shares to
    if not channel_id:
        if thread_ts:
            raise RefusalError("invalid_arguments")
        return None, None
    if not CHANNEL_ID.match(channel_id):
        raise RefusalError("invalid_channel")
    channel = writable_channel(workspace, channel_id, read_only_error="posting_to_channel_denied")
    return channel, thread_parent(workspace, channel_id, thread_ts)


def _complete(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    channel, thread_ts = _destination(workspace, arguments)
    files = _wanted_files(workspace, arguments)
    comment = arguments.text("initial_comment")
    blocks = () if comment else arguments.blocks()
    if any(block["type"] == "markdown" for block in blocks):
        raise RefusalError("internal_error")  # python-slack-sdk#1756
    visible_at = workspace.clock() + workspace.visibility_delay_seconds
    share_ts = None
    is_left_out = any(workspace.never_shown(file) for file in files)
    if channel is not None and not is_left_out:
        share_ts = workspace.post(
            channel.id,
            workspace.bot_user_id,
            comment,
            blocks=blocks,
            thread_ts=thread_ts,
            files=tuple(file.id for file in files),
            visible_at=visible_at,
        ).ts
    for file in files:
        workspace.file_table[file.id] = replace(
            file,
            completed_times=file.completed_times + 1,
            channel=channel.id if channel and not is_left_out else None,
            thread_ts=thread_ts,
            share_ts=share_ts,
            visible_at=visible_at,
        )
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def _known_file(workspace: Workspace, arguments: Arguments) -> File:
    file = workspace.file_table.get(arguments.text("file"))
    if file is None or not file.completed_times:
        raise RefusalError("file_not_found")
    if file.deleted:
        raise RefusalError("file_deleted")
    return file


def _info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    file = _known_file(workspace, arguments)
    secret = hashlib.sha256(file.id.encode()).hexdigest()[:10]
    body: dict[str, Any] = {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "size": file.length,
        "user": workspace.bot_user_id,
        "mimetype": "",
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "public_url_shared": file.has_public_link,
        # Every file has this field, but the link works only after a person has published it.
        "permalink_public": f"https://slack-files.com/{workspace.team_id}-{file.id}-{secret}",
        "shares": {},
        "channels": [],
        "groups": [],
        "ims": [],
        "has_more_shares": False,
    }
    if file.visible_at <= workspace.clock():
        body["mimetype"] = "image/png" if file.is_picture else "audio/x-wav"
        for share in workspace.shares_of(file):
            _list_share(workspace, share, body)
    return {"file": body}


def _list_share(workspace: Workspace, share: FileShare, body: dict[str, Any]) -> None:
    """Add one share, unless the app cannot see its conversation."""
    channel = workspace.channels[share.channel]
    body["is_public"] = body["is_public"] or not channel.is_private
    is_seen = channel.bot_is_member or not channel.is_private
    if not is_seen and not workspace.tells_unseen_shares:
        return
    listed = {"ts": share.ts, "team_id": workspace.team_id, "share_user_id": share.user}
    if share.thread_ts:
        listed["thread_ts"] = share.thread_ts
    reach = "private" if channel.is_private else "public"
    body["shares"].setdefault(reach, {}).setdefault(channel.id, []).append(listed)
    kind = "ims" if channel.is_im else "groups" if channel.is_private else "channels"
    if channel.id not in body[kind]:
        body[kind].append(channel.id)


def _publish(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    raise AssertionError((workspace, arguments))  # it requires a person's token: see `caller`


def _delete(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    file = _known_file(workspace, arguments)
    workspace.file_table[file.id] = replace(file, deleted=True)
    return {}


METHODS = {
    "files.getUploadURLExternal": Method(_upload_url, ("filename", "length"), ("files:write",)),
    "files.completeUploadExternal": Method(_complete, ("files",), ("files:write",)),
    "files.info": Method(_info, ("file",), ("files:read",)),
    "files.delete": Method(_delete, ("file",), ("files:write",)),
    "files.sharedPublicURL": Method(_publish, ("file",), ("files:write",), caller="user"),
}
