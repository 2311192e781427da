"""Rights and conversations change during a transfer: the stricter of two decisions holds."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from bot.access.grants import Effect
from bot.audit.events import SYSTEM_ACTOR
from bot.network.retry import ATTEMPTS
from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from bot.slack.identifiers import Action
from tests.polling import until
from tests.scenarios.scene import ALICE, BOB, CHANNEL, RAW_SPAN, WHY, Scene, Seen, assert_raw
from tests.scenarios.thread import card, press_for_more

Asked = TypeVar("Asked")


async def deny(scene: Scene) -> None:
    await scene.grant(effect=Effect.DENY)


async def let_in_somebody_not_cleared(scene: Scene) -> None:
    scene.workspace.join(CHANNEL, BOB)


async def make_public(scene: Scene) -> None:
    scene.workspace.change_channel(CHANNEL, is_private=False)


async def share_with_others(scene: Scene) -> None:
    scene.workspace.change_channel(CHANNEL, is_ext_shared=True)


async def invite_others(scene: Scene) -> None:
    scene.workspace.change_channel(CHANNEL, is_pending_ext_shared=True)


async def leave(scene: Scene) -> None:
    scene.workspace.leave(CHANNEL, ALICE)


async def leave_the_company(scene: Scene) -> None:
    scene.workspace.change_user(ALICE, deleted=True)


async def take_out_raw_key(scene: Scene) -> None:
    rotation = scene.stage.application.rotation
    await rotation.take(rotation.settings.model_copy(update={"polyai_pii_api_key": None}))


@pytest.mark.parametrize(
    ("change", "reason", "button"),
    [
        (take_out_raw_key, "no_raw_key", []),
        (Scene.end_right, "not_cleared", ["request_access"]),
        (deny, "not_cleared", ["request_access"]),
        (let_in_somebody_not_cleared, "audience", ["raw_to_dm"]),
        (make_public, "audience", ["raw_to_dm"]),
    ],
)
async def test_raw_that_is_no_longer_allowed_is_dropped_and_redacted_arrives(
    scene, change, reason, button
):
    await scene.grant()

    async with scene.between_upload_and_share() as asking:
        await change(scene)
    seen = await asking

    raw, redacted = scene.workspace.recordings
    assert RAW_SPAN in raw.content
    assert raw.completed_times == 0
    assert (redacted.completed_times, seen.file) == (1, redacted)
    assert seen.file.content == recordings.load("combined", redacted=True)
    assert seen.file.name.endswith("-redacted.wav")
    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", reason)
    assert WHY["public" if change is make_public else reason] in seen.note.text
    assert [each["action_id"] for each in seen.buttons] == button
    assert_tightened(seen, to="redacted", reason=reason, dropped=raw.id)
    # One card, under which the redacted recording was posted.
    (parent,) = [m for m in scene.workspace.messages(CHANNEL) if m.thread_ts is None]
    assert seen.file.thread_ts == parent.ts
    assert "*Unredacted*" not in str(parent.blocks)
    # The second request used the key that cannot fetch raw.
    assert [r.key_kind for r in seen.audio_requests] == ["raw", "plain"]


@pytest.mark.parametrize(
    ("change", "reason", "was_raw"),
    [
        pytest.param(
            change,
            reason,
            was_raw,
            id=f"{reason}-{change.__name__}-{'raw' if was_raw else 'redacted'}",
            marks=[] if was_raw or change is leave else pytest.mark.long,
        )
        for change, reason in (
            (share_with_others, "external_destination"),
            (invite_others, "external_destination"),
            (leave, "requester_not_in_destination"),
            (leave_the_company, "requester_not_allowed"),
        )
        for was_raw in (True, False)
    ],
)
async def test_a_delivery_that_is_no_longer_allowed_is_refused_and_its_card_withdrawn(
    scene, change, reason, was_raw
):
    if was_raw:
        await scene.grant()

    async with scene.between_upload_and_share() as asking:
        assert len(scene.workspace.messages(CHANNEL)) == 1
        await change(scene)
    seen = await asking

    assert (seen.delivery.state, seen.delivery.reason) == ("refused", reason)
    assert scene.workspace.messages(CHANNEL) == []
    assert [file.completed_times for file in scene.workspace.recordings] == [0]
    assert seen.files == []
    assert WHY[reason] in seen.note.text
    (dropped,) = scene.workspace.recordings
    assert_tightened(seen, to="refused", reason=reason, dropped=dropped.id)
    assert seen.tags[-1] == "policy:delivery:refused"


async def test_a_bot_that_was_removed_meanwhile_asks_to_be_invited(scene):
    await scene.grant()

    async with scene.between_upload_and_share() as asking:
        scene.workspace.change_channel(CHANNEL, bot_is_member=False)
    seen = await asking

    assert (seen.delivery.state, seen.delivery.error_code) == ("failed", "conversation_unseen")
    assert "I am not in that conversation" in seen.note.text
    assert "/invite" in seen.note.text
    assert "You are not in that conversation" not in seen.told
    assert seen.tags[-1] == "worker:delivery:failed"
    assert [file.completed_times for file in scene.workspace.recordings] == [0]
    assert seen.files == []


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(
            Fault("conversations.info", status=503, hang=True), id="before-facts-are-read"
        ),
        pytest.param(Fault("conversations.info", when="after", hang=True), id="before-decision"),
        pytest.param(Fault("upload", when="after", hang=True), id="before-share"),
        pytest.param(Fault("files.info", status=503, hang=True), id="before-end"),
    ],
)
async def test_a_channel_that_gets_another_id_meanwhile_gets_its_recording(scene, held):
    await scene.grant()
    scene.slack.faults.add(held)
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached(held.route)
    scene.workspace.change_channel_id(CHANNEL, "C0QUALITY1")
    changed = {"old_channel_id": CHANNEL, "new_channel_id": "C0QUALITY1"}
    assert (await scene.people.event({"type": "channel_id_changed", **changed})).status == 200

    scene.slack.faults.release(held.route)
    seen = await asking

    assert_raw(seen)
    assert seen.file.channel == seen.delivery.destination_channel_id == "C0QUALITY1"


async def test_a_decision_that_became_old_while_the_picture_was_drawn_is_repeated(scene):
    """The decision is taken while the picture is drawn."""
    await scene.grant()
    scene.slack.faults.add(Fault("upload"))  # the recording passes
    scene.slack.faults.add(Fault("upload", hang=True))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached("upload", times=2)

    async def waits_for_the_picture() -> bool:
        return bool((await scene.row(await scene.latest())).file_id)

    await until(waits_for_the_picture)
    await scene.end_right()
    scene.slack.faults.release("upload")
    seen = await asking

    raw = scene.workspace.recordings[0]
    assert raw.completed_times == 0
    assert_tightened(seen, to="redacted", reason="not_cleared", dropped=raw.id)
    assert seen.file.content == recordings.load("combined", redacted=True)


async def test_a_raw_key_removed_between_decision_and_fetch_delivers_redacted(scene):
    await scene.grant()
    seen = await ask_while_the_raw_key_is_taken_out(scene, scene.ask())

    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "no_raw_key")
    assert seen.file.content == recordings.load("combined", redacted=True)
    assert WHY["no_raw_key"] in seen.note.text
    assert [r.key_kind for r in seen.audio_requests] == ["raw"] * ATTEMPTS + ["plain"]
    assert_tightened(seen, to="redacted", reason="no_raw_key", dropped=None)


async def test_a_raw_key_removed_before_a_transcript_is_fetched_refuses_it(scene):
    await scene.grant()
    recording = await card(scene, (await scene.ask()).delivery, "*Unredacted*")
    asking = press_for_more(scene, recording, Action.TRANSCRIPT)

    row = await ask_while_the_raw_key_is_taken_out(scene, asking, route="conversation")

    assert (row.state, row.reason) == ("refused", "no_raw_key")
    assert "no longer has the key" in scene.workspace.ephemerals[-1].text
    assert not any(file.name.endswith(".txt") for file in scene.workspace.files)


async def ask_while_the_raw_key_is_taken_out(
    scene: Scene, asking: Coroutine[Any, Any, Asked], route: str = "audio"
) -> Asked:
    """PolyAI fails for a while after the decision, and the key is removed before the retry."""
    scene.polyai.faults.add(Fault(route, status=503, hang=True))
    scene.polyai.faults.add(Fault(route, status=503, times=ATTEMPTS - 1))
    task = asyncio.create_task(asking)
    await scene.polyai.faults.reached(route)
    await take_out_raw_key(scene)
    scene.polyai.faults.release(route)
    return await task


@pytest.mark.parametrize("reason", ["not_cleared", "audience"])
async def test_what_is_allowed_meanwhile_does_not_loosen_the_decision(scene, reason):
    if reason == "audience":
        await scene.grant()
        scene.workspace.join(CHANNEL, BOB)
    async with scene.between_upload_and_share() as asking:
        await scene.grant()
        scene.workspace.leave(CHANNEL, BOB)
    seen = await asking

    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", reason)
    assert seen.file.content == recordings.load("combined", redacted=True)
    assert "policy:delivery:tightened" not in seen.tags
    assert {r.key_kind for r in seen.audio_requests} == {"plain"}


@pytest.mark.parametrize("method", ["users.info", "conversations.info", "conversations.members"])
async def test_a_second_decision_with_unknown_facts_never_allows_raw(scene, method):
    await scene.grant()

    async with scene.between_upload_and_share() as asking:
        scene.slack.faults.add(Fault(method, error="internal_error", times=4))
    seen = await asking

    raw = scene.workspace.recordings[0]
    assert raw.completed_times == 0
    assert seen.files == []
    assert (seen.delivery.state, seen.delivery.error_code) == ("failed", "facts_not_told")


async def test_rights_that_shrink_twice_end_with_the_strictest_outcome(scene):
    await scene.grant()
    scene.slack.faults.add(Fault("upload", when="after", hang=True))
    scene.slack.faults.add(Fault("upload"))  # the raw recording's picture passes
    scene.slack.faults.add(Fault("upload", when="after", hang=True))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached("upload")
    await scene.end_right()
    scene.slack.faults.release("upload")
    await scene.slack.faults.reached("upload", times=3)
    await share_with_others(scene)
    scene.slack.faults.release("upload")

    seen = await asking

    assert (seen.delivery.state, seen.delivery.reason) == ("refused", "external_destination")
    assert [file.completed_times for file in scene.workspace.recordings] == [0, 0]
    assert scene.workspace.messages(CHANNEL) == []
    assert seen.tags.count("policy:delivery:tightened") == 2


def assert_tightened(seen: Seen, *, to: str, reason: str, dropped: str | None) -> None:
    (event,) = [e for e in seen.audit if e.tag == "policy:delivery:tightened"]
    assert event.actor_id == SYSTEM_ACTOR
    assert event.payload["to"] == to
    assert event.payload["reason"] == reason
    assert event.payload["dropped_file_id"] == dropped
