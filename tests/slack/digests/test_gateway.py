"""How a digest is posted: one message, whichever blocks Slack accepts."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import CallAudioError
from bot.recordings.deliveries.slack_errors import ConversationArchived
from bot.sandbox.block_limits import problems
from bot.sandbox.faults import Fault
from bot.slack.digests import picture
from bot.slack.digests.gateway import SlackDigestGateway
from bot.slack.web_api.errors import BlocksRefused, SlackUnclear
from tests.digests.builders import calls_report, digest, post
from tests.slack.conftest import ALICE, CHANNEL
from tests.slack.digests.builders import REPORTS, full_calls

POST = post(full_calls())
NEW_BLOCKS = ("data_visualization", "data_table")


@pytest.fixture
def digests(api, gateway) -> SlackDigestGateway:
    return SlackDigestGateway(api, gateway)


@pytest.fixture
def began() -> datetime:
    return datetime.now(UTC)


def kinds(message) -> set[str]:
    return {block["type"] for block in message.blocks}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
async def test_a_digest_is_one_message_with_its_metadata(digests, workspace, report):
    ts = await digests.post(post(report))
    (message,) = workspace.messages(CHANNEL)
    assert (message.ts, message.thread_ts) == (ts, None)
    assert message.metadata == {
        "event_type": "callaudio_digest",
        "event_payload": {"digest_id": "g1", "slot": "2026-06-03T09:00"},
    }
    assert problems(list(message.blocks)) == []
    assert workspace.files == []
    (call,) = workspace.called("chat.postMessage")
    assert (call.arguments["unfurl_links"], call.arguments["unfurl_media"]) == ("false", "false")


async def test_charts_and_a_table_are_slacks_own_blocks_if_it_accepts_them(digests, workspace):
    await digests.post(POST)
    (message,) = workspace.messages(CHANNEL)
    assert kinds(message) >= set(NEW_BLOCKS)


@pytest.mark.parametrize("unknown", [*NEW_BLOCKS, "all"])
async def test_refused_charts_are_replaced_by_plain_blocks_with_a_picture(
    digests, workspace, unknown
):
    workspace.unknown_blocks |= set(NEW_BLOCKS) if unknown == "all" else {unknown}
    ts = await digests.post(POST)
    message, reply = workspace.messages(CHANNEL)
    assert message.ts == ts
    assert kinds(message) & set(NEW_BLOCKS) == set()
    assert message.metadata["event_payload"] == {"digest_id": "g1", "slot": "2026-06-03T09:00"}
    assert (reply.thread_ts, reply.text) == (ts, "")
    (file,) = workspace.visible_files(CHANNEL, ts)
    assert file.content.startswith(b"\x89PNG")
    assert (file.name, file.title) == ("digest.png", "Charts")
    assert [call.status for call in workspace.called("chat.postMessage")] == [
        "invalid_blocks",
        "ok",
    ]
    assert workspace.violations == []


async def test_without_data_there_is_no_picture(digests, slack, workspace):
    slack.faults.add(Fault("chat.postMessage", error="invalid_blocks"))
    await digests.post(post(calls_report()))
    assert len(workspace.messages(CHANNEL)) == 1
    assert workspace.files == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("files.getUploadURLExternal", error="file_uploads_disabled"),
        Fault("upload", status=500),
        Fault("files.completeUploadExternal", error="posting_to_channel_denied"),
        Fault("files.completeUploadExternal", when="after", drop_connection=True),
    ],
    ids=lambda fault: f"{fault.route} {fault.when}",
)
async def test_a_failed_upload_of_the_picture_leaves_the_message_as_it_is(
    digests, slack, workspace, fault
):
    workspace.unknown_blocks |= set(NEW_BLOCKS)
    slack.faults.add(fault)
    ts = await digests.post(POST)
    messages = workspace.messages(CHANNEL)
    assert [m.ts for m in messages if m.thread_ts is None] == [ts]
    assert len(workspace.called("files.completeUploadExternal")) <= 1


async def test_a_picture_that_cannot_be_drawn_does_not_post_the_message_twice(
    digests, workspace, monkeypatch
):
    def broken(_charts):
        raise ZeroDivisionError

    monkeypatch.setattr(picture, "draw", broken)
    workspace.unknown_blocks |= set(NEW_BLOCKS)
    ts = await digests.post(POST)
    assert [message.ts for message in workspace.messages(CHANNEL)] == [ts]


@pytest.mark.parametrize(
    ("fault", "error", "tries"),
    [
        pytest.param({"error": "invalid_blocks", "times": 2}, BlocksRefused, 2, id="refused twice"),
        pytest.param({"error": "is_archived"}, ConversationArchived, 1, id="archived"),
        pytest.param({"when": "after", "drop_connection": True}, SlackUnclear, 1, id="lost"),
        pytest.param({"when": "after", "status": 503}, SlackUnclear, 1, id="503"),
        pytest.param({"error": "internal_error"}, SlackUnclear, 1, id="internal_error"),
    ],
)
async def test_a_message_that_was_refused_or_may_have_been_posted_is_not_posted_again(
    digests, slack, workspace, fault, error, tries
):
    slack.faults.add(Fault("chat.postMessage", **fault))
    with pytest.raises(error):
        await digests.post(POST)
    assert len(workspace.called("chat.postMessage")) == tries


async def test_a_post_is_found_by_digest_and_slot(digests, slack, workspace, began):
    workspace.scopes |= {"channels:history"}
    slack.faults.add(Fault("chat.postMessage", when="after", drop_connection=True))
    with pytest.raises(SlackUnclear):
        await digests.post(POST)
    (message,) = workspace.messages(CHANNEL)
    workspace.say(CHANNEL, ALICE, "2026-06-03T09:00")
    assert await digests.find(POST.digest, "2026-06-03T09:00", began) == message.ts
    assert await digests.find(POST.digest, "2026-06-04T09:00", began) is None
    assert await digests.find(digest(id="g2"), "2026-06-03T09:00", began) is None
    later = began + timedelta(minutes=3)
    assert await digests.find(POST.digest, "2026-06-03T09:00", later) is None


async def test_the_owner_is_notified_in_direct_messages(digests, workspace):
    await digests.notify_owner(digest(), "I was removed <!channel>.")
    (message,) = workspace.messages("D0ALICE00")
    assert message.text == (
        "I paused your *calls* digest of `default` in <#C0QUALITY0> (`09:00`): "
        "I was removed &lt;!channel&gt;."
    )
    assert workspace.messages(CHANNEL) == []


async def test_a_missing_owner_is_an_error_of_slack(digests, workspace):
    workspace.change_user(ALICE, deleted=True)
    with pytest.raises(CallAudioError):
        await digests.notify_owner(digest(), "why")
