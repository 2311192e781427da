"""Where a recording may be posted, and how Slack may refuse."""

import asyncio
from typing import Any

from bot.access.grants import Effect
from bot.sandbox.faults import Fault
from bot.sandbox.workspace import BOT_SCOPES, Workspace
from tests.scenarios.scene import (
    ALICE,
    BOB,
    CALL,
    CHANNEL,
    RAW_SPAN,
    assert_failed,
    assert_raw,
    assert_redacted,
)

OTHER = "C0OTHER000"
PRIVATE = "C0PRIVATE0"
OWN_DM = f"D{ALICE[1:]}"
OF_TWO = "D0ALICEBOB"


async def test_a_channel_is_named_by_mention_or_by_id(scene, subtests):
    await scene.grant()
    scene.workspace.add_channel(OTHER, members=[ALICE], is_private=True)
    scene.workspace.add_channel(PRIVATE, members=[ALICE], is_private=True)
    # Each form is a row of tests/slack/recordings/test_command_text.py.
    named = {f"<#{OTHER}|other>": OTHER, PRIVATE: PRIVATE}
    for words, channel in named.items():
        with subtests.test(words):
            call = scene.another_call()
            seen = await scene.ask(f"{call} {words}")
            assert_raw(seen, call)
            assert seen.file.channel == channel
    assert scene.workspace.messages(CHANNEL) == []  # nothing is visible where it was typed


async def test_the_audience_is_that_of_the_destination(scene):
    await scene.grant()
    scene.workspace.add_channel(OTHER, members=[ALICE, BOB], is_private=True)

    seen = await scene.ask(f"{CALL} {OTHER}")

    assert_redacted(seen, "audience")
    assert seen.note.channel == CHANNEL  # reported where the request was made


async def test_the_bot_joins_a_public_channel_only_for_a_delivery(scene):
    await scene.grant()
    for channel in (OTHER, "C0NOTHERS0"):
        members = [ALICE] if channel == OTHER else [BOB]
        scene.workspace.add_channel(channel, members=members, bot_is_member=False)

    refused = await scene.ask(f"{CALL} C0NOTHERS0")
    assert refused.delivery.state == "refused"
    scene.polyai.faults.add(Fault("audio", status=410))
    assert_failed(await scene.ask(f"{CALL} {OTHER} user"), "recording_gone")
    assert scene.workspace.called("conversations.join") == []

    assert_redacted(await scene.ask(f"{CALL} {OTHER}"), "audience", why="public")
    assert len(scene.workspace.called("conversations.join")) == 1
    assert scene.workspace.channels[OTHER].bot_is_member


async def test_without_the_scope_to_join_the_requester_is_asked_to_invite_the_bot(new_scene):
    workspace = Workspace(scopes=BOT_SCOPES - {"channels:join"})
    async with new_scene(workspace=workspace) as scene:
        scene.workspace.add_channel(OTHER, members=[ALICE], bot_is_member=False)

        seen = await scene.ask(f"{CALL} {OTHER}")

        assert_failed(seen, "conversation_unseen", "I may not join", "`/invite @callaudio`")


async def test_unusable_destinations_are_reported_with_a_fix(scene, subtests):
    scene.workspace.add_channel(PRIVATE, members=[ALICE], is_private=True, bot_is_member=False)
    scene.workspace.add_channel("G0GROUPDM0", members=[ALICE], is_mpim=True, bot_is_member=False)
    scene.workspace.add_channel("C0ARCHIVED", members=[ALICE], is_archived=True)
    scene.workspace.add_channel("C0READONLY", members=[ALICE], is_read_only=True)
    invite = ("conversation_unseen", "I am not in that conversation", "`/invite @callaudio`")
    places = {
        PRIVATE: invite,
        "G0GROUPDM0": invite,
        "C0NOWHERE0": invite,
        "C0ARCHIVED": ("conversation_archived", "archived", "another channel"),
        "C0READONLY": ("slack_posting_restricted", "not allowed to post", "its manager"),
    }
    for channel, (code, *words) in places.items():
        with subtests.test(channel):
            assert_failed(await scene.ask(f"{CALL} {channel}"), code, *words)
    for kind in ("thread_only", "non_threadable"):
        with subtests.test(kind):
            error = f"restricted_action_{kind}_channel"
            scene.slack.faults.add(Fault("chat.postMessage", error=error))
            seen = await scene.ask(scene.another_call())
            assert_failed(seen, "slack_posting_restricted", "limited to certain people")
    assert scene.every_visible_file() == []


async def test_a_request_between_two_people_goes_to_the_requesters_own_direct_messages(scene):
    await scene.grant()
    scene.workspace.add_channel(OF_TWO, members=[ALICE, BOB], is_im=True, bot_is_member=False)

    seen = await scene.ask(channel=OF_TWO)

    assert seen.file.channel == OWN_DM
    assert RAW_SPAN in seen.file.content  # an audience of one
    assert {message.channel for message in seen.posted} == {OWN_DM}
    assert scene.workspace.channels[OWN_DM].members == (ALICE,)
    (moved,) = seen.private[1:]
    assert "I cannot post in direct messages between two people" in moved.text
    assert "your direct messages with me" in moved.text
    assert moved.channel == OF_TWO  # visible to her only, where she made the request
    assert seen.overheard == []
    assert seen.delivery.state == "delivered"


async def test_an_upload_that_the_workspace_refuses_is_reported_and_withdrawn(scene, subtests):
    await scene.grant()
    for error in ("file_uploads_disabled", "storage_limit_reached", "file_type_not_allowed"):
        with subtests.test(error):
            scene.slack.faults.add(Fault("files.getUploadURLExternal", error=error))
            seen = await scene.ask(scene.another_call())
            words = ("does not let me upload", "storage is full", "Ask a workspace admin")
            assert_failed(seen, "slack_files_restricted", *words)
    with subtests.test("smaller files only"):
        scene.workspace.largest_file_bytes = 1000
        seen = await scene.ask(scene.another_call())
        assert_failed(seen, "slack_files_restricted", "limited in size")
        scene.workspace.largest_file_bytes = 10**9
    for error, code in {
        "posting_to_channel_denied": "slack_posting_restricted",
        "not_in_channel": "conversation_unseen",
        "invalid_channel": "conversation_unseen",
    }.items():
        with subtests.test(f"{error}, when all is uploaded"):
            # Once with the picture, once without it.
            scene.slack.faults.add(Fault("files.completeUploadExternal", error=error, times=2))
            seen = await scene.ask(scene.another_call())
            assert_failed(seen, code)
            assert "worker:delivery:uploaded" in seen.tags
    assert scene.workspace.recordings  # uploads that were never visible, for Slack to discard
    assert scene.every_visible_file() == []


async def test_an_uncertain_upload_is_repeated_with_a_new_url_a_limited_number_of_times(
    scene, subtests
):
    await scene.grant()
    doubts: dict[str, dict[str, Any]] = {
        "500": {"status": 500},
        "another number": {"status": 200, "body": b"OK - 5", "when": "after"},
        "no answer": {"drop_connection": True, "when": "after"},
    }
    for number, (doubt, fault) in enumerate(doubts.items(), start=1):
        with subtests.test(doubt):
            scene.slack.faults.add(Fault("upload", **fault))
            call = scene.another_call()

            assert_raw(await scene.ask(call), call)

            # Two for the recording; one for its picture, or two if it was already under way.
            tickets = len(scene.workspace.called("files.getUploadURLExternal"))
            assert 3 * number <= tickets <= 4 * number
            assert sum(file.completed_times for file in scene.workspace.recordings) == number
            assert len(scene.workspace.called("files.completeUploadExternal")) == number
            assert len(scene.workspace.called("chat.postMessage")) == number

    scene.slack.faults.add(Fault("upload", status=500, times=100))
    seen = await scene.ask(scene.another_call())
    assert_failed(seen, "upload_failed", "upload to Slack broke off", "in a few minutes")
    assert len(scene.workspace.called("chat.delete")) == 1


async def test_a_rate_limited_delivery_posts_one_card_and_shares_once(scene):
    await scene.grant()
    for method in ("chat.postMessage", "files.completeUploadExternal"):
        slower = Fault(method, status=429, headers={"Retry-After": "0.1"})
        scene.slack.faults.add(slower)

    seen = await scene.ask()

    assert_raw(seen)
    for method in ("chat.postMessage", "files.completeUploadExternal"):
        assert [call.status for call in scene.workspace.called(method)] == ["fault", "ok"]
    assert scene.decisions_by_audience() == 3, "decided again before the second try"
    # Of the recording and of its picture; the URL requested beside the refused card is unused.
    assert len(scene.workspace.called("files.getUploadURLExternal")) in (2, 3)


async def test_a_delayed_share_is_decided_again_before_its_next_try(scene):
    await scene.grant()
    scene.slack.faults.add(
        Fault("files.completeUploadExternal", status=429, headers={"Retry-After": "0"}, hang=True)
    )
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached("files.completeUploadExternal")

    await scene.grant(effect=Effect.DENY)
    scene.slack.faults.release("files.completeUploadExternal")
    seen = await asking

    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "not_cleared")
    assert RAW_SPAN not in seen.file.content
    assert all(not f.completed_times for f in scene.workspace.recordings if RAW_SPAN in f.content)
    calls = scene.workspace.called("files.completeUploadExternal")
    assert [call.status for call in calls] == ["fault", "ok"]
    assert calls[0].arguments["files"] != calls[1].arguments["files"]
    assert "policy:delivery:tightened" in seen.tags
