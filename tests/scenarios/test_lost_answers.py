"""Slack's answer is lost: the result is looked up, and no effect happens twice."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from bot.network.retry import ATTEMPTS
from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from bot.sandbox.objects import File
from bot.sandbox.polyai_calls import Shape
from tests.scenarios.conftest import QUICK, OpenScene
from tests.scenarios.scene import BOB, CALL, CHANNEL, RAW_SPAN, SHARE, Scene
from tests.tables import each_row

ANNOUNCE = "chat.postMessage"
LOST: Mapping[str, Fault] = {
    "the connection breaks": Fault(SHARE, when="after", drop_connection=True),
    "internal_error": Fault(SHARE, when="after", error="internal_error"),
    "an answer that is no JSON": Fault(SHARE, when="after", status=200, body=b"<html></html>"),
}
NEVER_DONE: Mapping[str, Fault] = {
    "the connection breaks": Fault(SHARE, drop_connection=True),
    "a server error": Fault(SHARE, status=503, body=b"oops"),
    "internal_error": Fault(SHARE, error="internal_error"),
}
NOT_VISIBLE_BY_ITSELF = 3600.0


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """A bot that checks five times in quick succession whether a share is visible."""
    waits = (0.01, 0.02, 0.03, 0.04)
    async with new_scene(timings=replace(QUICK, visibility_waits_seconds=waits)) as scene:
        yield scene


# Which answers leave a share unclear is tested in tests/slack/recordings/test_gateway.py.
@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
async def test_a_share_done_but_not_answered_is_found_and_not_repeated(scene, fault):
    await scene.grant()
    scene.slack.faults.add(fault)

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    assert len(scene.workspace.called(SHARE)) == 1
    assert shared_files(scene) == [seen.file]
    assert seen.file.completed_times == 1
    assert seen.tags.count("worker:delivery:delivered") == 1


@pytest.mark.parametrize("fault", NEVER_DONE.values(), ids=NEVER_DONE)
async def test_a_share_that_did_not_reach_slack_is_repeated_with_the_same_file(scene, fault):
    await scene.grant()
    scene.slack.faults.add(fault)

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    first, second = scene.workspace.called(SHARE)
    assert first.arguments["files"] == second.arguments["files"]
    assert shared_files(scene) == [seen.file]
    assert len(scene.workspace.called("files.getUploadURLExternal")) == 2  # one for its picture
    # Decided first, before the first try, and again before the second.
    assert scene.decisions_by_audience() == 3


async def test_a_share_with_an_unclear_answer_is_awaited_until_it_is_visible(scene):
    scene.workspace.visibility_delay_seconds = NOT_VISIBLE_BY_ITSELF
    scene.slack.faults.add(LOST["the connection breaks"])
    scene.slack.faults.add(Fault("files.info"))
    scene.slack.faults.add(Fault("files.info", hang=True, status=503))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached("files.info", times=2)
    reveal(scene)
    scene.slack.faults.release("files.info")

    seen = await asking

    assert seen.delivery.state == "delivered"
    assert len(scene.workspace.called(SHARE)) == 1
    assert seen.file.completed_times == 1


async def test_raw_heard_by_an_uncleared_person_is_deleted_although_the_share_is_unconfirmed(scene):
    await scene.grant()
    scene.slack.faults.add(Fault("files.info", hang=True, status=503))
    scene.slack.faults.add(Fault("files.info", status=503, times=2 * ATTEMPTS - 1))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached("files.info")
    (raw,) = shared_files(scene)
    scene.workspace.join(CHANNEL, BOB)
    scene.slack.faults.release("files.info")

    seen = await asking

    assert scene.workspace.file_table[raw.id].deleted
    assert (seen.delivery.outcome, seen.delivery.reason) == ("redacted", "audience")
    assert seen.file.content == recordings.load("combined", redacted=True)
    assert seen.files == [seen.file]


async def test_a_share_visible_after_a_refused_second_try_counts_as_delivered(scene):
    scene.workspace.visibility_delay_seconds = NOT_VISIBLE_BY_ITSELF
    scene.workspace.second_completion_error = "file_not_found"
    scene.slack.faults.add(LOST["the connection breaks"])
    scene.slack.faults.add(Fault(SHARE, when="after", hang=True))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached(SHARE, times=2)
    reveal(scene)
    scene.slack.faults.release(SHARE)

    seen = await asking

    assert seen.delivery.state == "delivered"
    assert len(scene.workspace.called(SHARE)) == 2
    assert seen.file.completed_times == 1
    assert shared_files(scene) == [seen.file]


async def test_a_share_never_visible_is_reported_as_unconfirmed_and_not_repeated(scene):
    scene.workspace.visibility_delay_seconds = NOT_VISIBLE_BY_ITSELF
    scene.workspace.second_completion_error = "file_update_failed"
    scene.slack.faults.add(LOST["the connection breaks"])

    seen = await scene.ask()

    assert seen.delivery.state == "unconfirmed"
    assert [file.completed_times for file in scene.workspace.recordings] == [1]
    assert len(scene.workspace.called(SHARE)) == 2
    assert "worker:delivery:unconfirmed" in seen.tags
    assert "worker:delivery:delivered" not in seen.tags
    assert CALL in seen.note.text
    assert seen.delivery.id in str(seen.note.blocks)


@pytest.mark.parametrize("was_done", [True, False], ids=["done unseen", "not done"])
async def test_after_an_unclear_share_an_ended_right_drops_raw_and_delivers_redacted(
    scene, was_done
):
    await scene.grant()
    scene.workspace.visibility_delay_seconds = NOT_VISIBLE_BY_ITSELF
    when = "after" if was_done else "before"
    scene.slack.faults.add(Fault(SHARE, when=when, hang=True, drop_connection=True))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached(SHARE)
    await scene.end_right()
    scene.workspace.visibility_delay_seconds = 0
    scene.slack.faults.release(SHARE)

    seen = await asking
    reveal(scene)

    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "not_cleared")
    (visible,) = scene.workspace.visible_recordings(CHANNEL)
    assert visible.content == recordings.load("combined", redacted=True)
    raw, redacted = scene.workspace.recordings
    assert RAW_SPAN in raw.content
    assert raw.completed_times == (1 if was_done else 0)
    assert raw.deleted == was_done
    assert redacted == visible
    (tightened,) = [e for e in seen.audit if e.tag == "policy:delivery:tightened"]
    assert tightened.payload["dropped_file_id"] == raw.id


async def test_an_upload_that_slack_discarded_is_repeated(scene):
    # With its picture, and then alone: the recording is gone.
    scene.slack.faults.add(Fault(SHARE, error="file_not_found", times=2))

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    first, second = scene.workspace.recordings
    assert (first.completed_times, second) == (0, seen.file)
    assert seen.picture.completed_times == 1
    assert shared_files(scene) == [seen.file]


async def test_uploads_that_slack_always_discards_fail_with_a_note(scene):
    scene.slack.faults.add(Fault(SHARE, error="file_not_found", times=20))

    seen = await scene.ask()

    assert (seen.delivery.state, seen.delivery.error_code) == ("failed", "not_postable")
    assert seen.files == []
    assert seen.posted == []
    assert "Try again" in seen.note.text


async def test_a_refusal_after_an_unclear_share_leaves_nothing_visible(scene):
    scene.workspace.visibility_delay_seconds = NOT_VISIBLE_BY_ITSELF
    scene.slack.faults.add(LOST["the connection breaks"])
    scene.slack.faults.add(Fault(SHARE, error="posting_to_channel_denied"))

    seen = await scene.ask()
    reveal(scene)

    assert seen.delivery.state == "failed"
    assert scene.workspace.visible_files(CHANNEL) == []
    assert [file.deleted for file in scene.workspace.recordings] == [True]


@pytest.mark.parametrize("fault", [LOST["the connection breaks"], LOST["internal_error"]])
async def test_an_unanswered_card_is_found_with_the_history_scope(scene, fault):
    scene.workspace.scopes.add("groups:history")
    scene.slack.faults.add(replace(fault, route=ANNOUNCE))

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    (parent,) = parents(scene)
    assert (seen.file.thread_ts, seen.delivery.parent_ts) == (parent, parent)
    assert len(scene.workspace.called(ANNOUNCE)) == 1


async def test_an_unanswered_card_is_repeated_without_the_history_scope(scene):
    scene.slack.faults.add(Fault(ANNOUNCE, when="after", drop_connection=True))

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    lost, kept = parents(scene)
    assert lost != kept
    assert (seen.file.thread_ts, seen.delivery.parent_ts) == (kept, kept)
    assert seen.audit[-1].payload["thread_ts"] == kept


@pytest.mark.parametrize("scope", [None, "groups:history"])
async def test_a_card_that_did_not_reach_slack_is_posted_once(scene, scope):
    scene.workspace.scopes |= {scope} if scope else set()
    scene.slack.faults.add(Fault(ANNOUNCE, drop_connection=True))

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    assert parents(scene) == [seen.file.thread_ts]


@each_row("answer", [{"drop_connection": True}, {"status": 500}])
async def test_an_upload_cut_within_its_body_is_repeated(scene, answer):
    call = scene.another_call(shape=Shape.SLOW, pause_seconds=0.02)
    scene.slack.faults.add(Fault("upload", when="halfway", **answer))

    seen = await scene.ask(call)

    assert seen.delivery.state == "delivered"
    first, second = scene.workspace.recordings[-2:]
    assert (first.uploaded, first.completed_times, seen.file) == (False, 0, second)


def shared_files(scene: Scene) -> list[File]:
    return [file for file in scene.workspace.recordings if file.completed_times]


def reveal(scene: Scene) -> None:
    """Make a delayed share visible, unless the file was deleted."""
    for file in shared_files(scene):
        scene.workspace.file_table[file.id] = replace(file, visible_at=0.0)


def parents(scene: Scene) -> list[str]:
    return [m.ts for m in scene.workspace.messages(CHANNEL) if m.thread_ts is None]
