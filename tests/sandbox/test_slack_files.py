import asyncio
import hashlib

import httpx
import pytest

from tests.polling import until
from tests.sandbox.conftest import ARCHIVED, FOREIGN, PRIVATE, PUBLIC
from tests.tables import each_row


async def test_a_file_is_visible_only_when_completed_once(api, workspace):
    parent = workspace.say(PUBLIC, "U0ALICE", "please")
    file_id = await api.uploaded(b"x" * 100)
    assert (workspace.visible_files(PUBLIC), workspace.files[0].completed_times) == ([], 0)
    assert (await api("files.info", file=file_id))["error"] == "file_not_found"
    sharing = {
        "files": [{"id": file_id, "title": "call"}],
        "channel_id": PUBLIC,
        "thread_ts": parent.ts,
        "initial_comment": "here",
    }
    assert (await api("files.completeUploadExternal", **sharing))["ok"]
    again = await api("files.completeUploadExternal", **sharing)
    assert again["error"] == "file_update_failed"
    (file,) = workspace.visible_files(PUBLIC, parent.ts)
    assert (file.title, file.content, file.completed_times) == ("call", b"x" * 100, 1)
    share = (await api("files.info", file=file_id))["file"]["shares"]["public"][PUBLIC][0]
    assert (share["ts"], share["thread_ts"]) == (file.share_ts, parent.ts)
    assert workspace.messages(PUBLIC)[-1].files == (file_id,)
    assert (await api("files.delete", file=file_id))["ok"]
    assert (await api("files.delete", file=file_id))["error"] == "file_deleted"
    assert workspace.visible_files(PUBLIC) == []


@each_row(
    ("arguments", "error"),
    [
        ({"channel_id": "#general"}, "invalid_channel"),
        ({"channel_id": "U0ALICE00"}, "invalid_channel"),
        ({"channel_id": FOREIGN}, "not_in_channel"),
        ({"channel_id": PRIVATE}, "channel_not_found"),
        ({"channel_id": ARCHIVED}, "is_archived"),
        ({"channel_id": PUBLIC, "thread_ts": "1.0"}, "thread_not_found"),
        ({"channel_id": PUBLIC, "files": [{"id": "F0NONE"}]}, "file_not_found"),
        ({"channel_id": PUBLIC, "files": []}, "missing_argument"),
        ({"channels": PUBLIC}, "invalid_arguments"),
        ({"thread_ts": "1.0"}, "invalid_arguments"),
        ({"channel_id": PUBLIC, "blocks": [{"type": "header"}]}, "invalid_blocks"),
        ({"channel_id": PUBLIC, "blocks": [{"type": "markdown", "text": "x"}]}, "internal_error"),
    ],
)
async def test_each_invalid_completion_is_refused(api, workspace, arguments, error):
    file_id = await api.uploaded()
    wanted = {"files": [{"id": file_id, "title": "t"}]} | arguments
    assert (await api("files.completeUploadExternal", **wanted))["error"] == error
    assert not any(file.completed_times for file in workspace.files)


async def test_a_file_is_shared_under_a_parent_and_not_under_a_reply(api, workspace):
    parent = workspace.say(PUBLIC, "U0ALICE", "parent")
    reply = workspace.say(PUBLIC, "U0BOB", "reply", thread_ts=parent.ts)
    wanted = {"files": [{"id": await api.uploaded()}], "channel_id": PUBLIC}
    answer = await api("files.completeUploadExternal", **wanted, thread_ts=reply.ts)
    assert answer["error"] == "cannot_reply_to_message"


async def test_an_upload_without_its_bytes_cannot_be_completed(api):
    begun = await api("files.getUploadURLExternal", filename="a.wav", length=3)
    files = [{"id": begun["file_id"]}]
    answer = await api("files.completeUploadExternal", files=files, channel_id=PUBLIC)
    assert answer["error"] == "file_not_found"
    empty = await api("files.getUploadURLExternal", filename="a.wav", length=0)
    assert empty["error"] == "missing_argument"
    large = await api("files.getUploadURLExternal", filename="a.wav", length=2 * 10**9)
    assert large["error"] == "file_upload_size_restricted"


async def test_arguments_about_files_in_the_query_are_refused(http, slack, workspace):
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    url = f"{slack.url}files.getUploadURLExternal"
    answer = await http.post(url, params={"filename": "a.wav", "length": 3}, headers=headers)
    assert answer.json()["error"] == "invalid_arguments"
    assert workspace.violations


async def chunks():
    yield b"abc"


@pytest.mark.parametrize(
    ("sending", "status"),
    [
        ({"content": b"abcd"}, 500),
        ({"content": b"ab"}, 500),
        ({"files": {"file": b"abc"}}, 500),
        ({"content": chunks}, 411),
        ({"content": b"abc", "headers": {"Authorization": "Bearer x"}}, 400),
    ],
)
async def test_uploads_are_counted_exactly(api, http, workspace, sending, status):
    begun = await api("files.getUploadURLExternal", filename="a.wav", length=3)
    if callable(sending.get("content")):
        sending = {"content": sending["content"]()}
    answer = await http.post(begun["upload_url"], **sending)
    assert answer.status_code == status
    assert not workspace.files[0].uploaded
    assert workspace.violations


async def test_an_upload_url_works_once_and_for_a_limited_time(api, http, workspace):
    begun = await api("files.getUploadURLExternal", filename="a.wav", length=3)
    answers = [await http.post(begun["upload_url"], content=b"abc") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 404]
    workspace.upload_url_seconds = -1
    begun = await api("files.getUploadURLExternal", filename="a.wav", length=3)
    assert (await http.post(begun["upload_url"], content=b"abc")).status_code == 404


async def test_a_body_that_ends_early_leaves_the_file_empty(api, workspace):
    begun = await api("files.getUploadURLExternal", filename="a.wav", length=1000)
    url = httpx.URL(begun["upload_url"])
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST {url.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode() + b"x" * 10)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await until(lambda: workspace.violations)
    assert not workspace.files[0].uploaded


async def test_large_uploads_are_counted_and_not_kept(api, workspace):
    workspace.keep_bytes = 10
    content = bytes(range(256)) * 4
    await api.uploaded(content)
    (file,) = workspace.files
    assert (file.content, file.length) == (b"", 1024)
    assert file.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("alt_txt", ["what it shows", None])
async def test_files_that_have_an_alt_txt_are_accepted_and_never_shown(api, workspace, alt_txt):
    shared = []
    for more in ({"alt_txt": alt_txt} if alt_txt else {}, {}):
        begun = await api(
            "files.getUploadURLExternal", filename=f"{len(shared)}.png", length=3, **more
        )
        await api.http.post(begun["upload_url"], content=b"abc")
        shared.append(begun["file_id"])
    files = [{"id": file_id} for file_id in shared]
    assert (await api("files.completeUploadExternal", files=files, channel_id=PUBLIC))["ok"]
    info = (await api("files.info", file=shared[1]))["file"]
    assert info["mimetype"] == "image/png"
    assert bool(info["shares"]) is bool(workspace.messages(PUBLIC)) is (alt_txt is None)


async def test_a_file_can_become_visible_later(api, workspace):
    workspace.visibility_delay_seconds = 0.3
    file_id = await api.uploaded()
    await api("files.completeUploadExternal", files=[{"id": file_id}], channel_id=PUBLIC)
    assert (await api("files.info", file=file_id))["file"]["shares"] == {}
    assert (workspace.visible_files(PUBLIC), workspace.messages(PUBLIC)) == ([], [])
    await asyncio.sleep(0.35)
    assert (await api("files.info", file=file_id))["file"]["shares"]["public"][PUBLIC]
    assert len(workspace.visible_files(PUBLIC)) == len(workspace.messages(PUBLIC)) == 1
