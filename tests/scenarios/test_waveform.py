"""The waveform: beside its recording, drawn from its own bytes, and deleted with it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from bot.recordings.lookups.lookup_limit import MOST
from bot.recordings.waveform.drawing import draw
from bot.recordings.waveform.scan import WaveformScan
from bot.sandbox import recordings
from bot.sandbox.block_limits import problems
from bot.sandbox.delivery import Ack
from bot.sandbox.faults import Fault
from bot.sandbox.objects import File
from bot.sandbox.polyai_calls import Recording
from bot.slack.identifiers import Action
from bot.store.tables import DeliveryRow, OrphanedFileRow
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.recordings.audio.test_wav_header_parser import chunk, fmt, riff
from tests.scenarios.conftest import WATCHFUL
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, SHARE, Scene, Seen
from tests.scenarios.thread import offered
from tests.tables import each_row

UPLOAD_URL = "files.getUploadURLExternal"
RATE_HZ = 8000
MUTED_SECONDS = 5.2
"""What the stand-in's redaction muted, to the tenth."""


def wav(*chunks: np.ndarray) -> bytes:
    """Encode samples of 16 bits, in as many chunks of audio."""
    first, *more = (chunk(b"data", samples.tobytes()) for samples in chunks)
    return riff(fmt(), first) + b"".join(chunk(b"LIST", b"INFO") + each for each in more)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(7).integers(1, 9000, int(seconds * RATE_HZ), np.int16)


def muted(samples: np.ndarray, start: float, end: float) -> np.ndarray:
    samples = samples.copy()
    samples[int(start * RATE_HZ) : int(end * RATE_HZ)] = 0
    return samples


def drawn(body: bytes, word: str | None) -> bytes:
    """Draw the picture of these bytes."""
    scan = WaveformScan()
    scan.feed(body)
    outline = scan.finish()
    assert outline is not None
    return draw(outline, word)


async def press(scene: Scene, seen: Seen, user: str = ALICE) -> Ack:
    message = next(m for m in scene.workspace.messages(CHANNEL) if m.ts == seen.delivery.parent_ts)
    return await scene.use(offered(message)[Action.WAVEFORM], message, user=user)


async def modal(scene: Scene) -> Mapping[str, Any]:
    """Return the one open modal, once it was filled in."""

    def look() -> Mapping[str, Any] | None:
        views = list(scene.workspace.views.values())
        return views[-1].body if views and "One moment" not in str(views[-1].body) else None

    body = await until(look)
    assert problems(body["blocks"], "modal") == []
    return body


async def events(scene: Scene, tag: str) -> list[Mapping[str, Any]]:
    return [event.payload for event in await scene.events(tag)]


async def test_the_picture_of_a_redacted_recording_is_drawn_from_the_redacted_bytes_only(scene):
    seen = await scene.ask()

    assert seen.delivery.outcome == "redacted"
    assert seen.picture.content == drawn(recordings.load("combined", redacted=True), "muted")
    assert seen.picture.title == f"{CALL} (redacted), waveform"
    assert seen.picture.share_ts == seen.file.share_ts
    assert len(scene.workspace.called(SHARE)) == 1
    # Slack never shows files that have one.
    assert [file.alt_text for file in (seen.file, seen.picture)] == ["", ""]
    (span,) = seen.delivery.muted_where["spans"]
    assert span[1] - span[0] == pytest.approx(MUTED_SECONDS, abs=0.05)
    assert (seen.delivery.muted_spans, round(seen.delivery.muted_seconds, 1)) == (1, MUTED_SECONDS)
    assert "*Redacted* · personal details are muted · 1 span, 5.2 s" in str(seen.card.blocks)
    assert scene.workspace.violations == []


async def test_silence_in_a_raw_recording_is_not_called_muted(scene):
    await scene.grant()
    body = wav(muted(noise(4), 1, 2))
    call = scene.another_call(recording=Recording.of(body, body))

    seen = await scene.ask(call)

    assert seen.delivery.outcome == "raw"
    assert seen.picture.content == drawn(body, None)
    assert seen.delivery.muted_spans is None
    assert "muted" not in str(seen.card.blocks)


@each_row("side", ["user", "agent"])
async def test_on_a_single_side_silence_and_mutes_are_not_distinguished(scene, side):
    seen = await scene.ask(f"{CALL} {side} redacted")

    assert seen.picture.name == f"{CALL}-{side}-redacted.png"
    expected = drawn(recordings.load(side, redacted=True), "silent or muted")
    assert seen.picture.content == expected
    assert seen.delivery.muted_spans is None
    assert "muted" not in str(seen.card.blocks)


# How each encoding is read is tested in tests/recordings/waveform.
async def test_muted_spans_of_all_chunks_are_drawn_and_counted(scene):
    body = wav(noise(2), muted(noise(4), 0, 1.5))
    call = scene.another_call(recording=Recording.of(body, body))

    seen = await scene.ask(call)

    assert seen.picture.content == drawn(body, "muted")
    assert "1 span, 1.5 s" in str(seen.card.blocks)


async def test_a_recording_in_an_unknown_encoding_has_no_picture(scene):
    body = riff(fmt(tag=0x1234), chunk(b"data", noise(2).tobytes()))
    call = scene.another_call(recording=Recording.of(body, body))

    seen = await scene.ask(call)

    assert seen.delivery.state == "delivered"
    assert (seen.file.content, seen.pictures) == (body, [])
    assert "Waveform" not in str(seen.card.blocks)


@each_row(
    "fault",
    [Fault(UPLOAD_URL, error="storage_limit_reached"), Fault("upload", drop_connection=True)],
)
async def test_a_failed_upload_of_the_picture_does_not_fail_the_recording(scene, fault):
    scene.slack.faults.add(Fault(fault.route))  # the upload of the recording itself passes
    scene.slack.faults.add(fault)

    seen = await scene.ask(scene.another_call())

    assert seen.delivery.state == "delivered"
    assert seen.file.content == recordings.load("combined", redacted=True)
    assert seen.pictures == []
    assert len(seen.audio_requests) == 1, "it is not fetched again for a picture"
    assert "1 span" in str(seen.card.blocks)
    assert "Waveform" not in str(seen.card.blocks)


def of_the_picture(file: File) -> bool:
    return file.is_picture


async def test_a_recording_never_visible_with_its_picture_is_shared_alone(scene):
    await scene.grant()
    scene.workspace.never_shown = of_the_picture

    seen = await scene.ask()

    assert (seen.delivery.state, seen.delivery.outcome) == ("delivered", "raw")
    assert (seen.file.completed_times, seen.pictures) == (1, [])
    assert [m.thread_ts for m in seen.posted] == [None, seen.delivery.parent_ts], "one post"
    first, second = scene.workspace.called(SHARE)
    assert [str(each.arguments).count("title") for each in (first, second)] == [2, 1]
    left = [file for file in scene.workspace.files if file.id != seen.file.id]
    assert [(file.completed_times, file.deleted) for file in left] == [(1, True)] * 2
    assert await events(scene, "worker:delivery:unshown") == [
        {"file_id": left[0].id, "picture_file_id": left[1].id}
    ]
    assert scene.decisions_by_audience() == 3, "decided afresh before each share"
    assert "Waveform" not in str(seen.card.blocks)


async def test_a_recording_never_visible_even_alone_is_reported_and_not_retried(scene):
    scene.workspace.never_shown = lambda _: True

    seen = await scene.ask()

    assert seen.delivery.state == "unconfirmed"
    assert "Slack does not show it yet" in seen.note.text
    assert len(scene.workspace.called(SHARE)) == 2
    assert "Waveform" not in str(seen.card.blocks)


async def test_a_hidden_recording_is_not_posted_twice_if_it_cannot_be_deleted(scene):
    scene.workspace.never_shown = of_the_picture
    scene.slack.faults.add(Fault("files.delete", error="file_deleting_disabled", times=9))

    seen = await scene.ask()

    assert seen.delivery.state == "unconfirmed"
    assert len(scene.workspace.called(SHARE)) == 1


async def test_a_recording_that_somebody_deletes_before_it_is_visible_is_not_posted_again(
    scene: Scene,
) -> None:
    """As filters against data loss do, as soon as Slack reports a new file."""
    await scene.grant()
    scene.slack.faults.add(Fault(SHARE, when="after", hang=True))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached(SHARE)
    for file in scene.workspace.files:
        scene.workspace.file_table[file.id] = replace(file, deleted=True)
    scene.slack.faults.release(SHARE)

    seen = await asking

    assert seen.delivery.state == "unconfirmed"
    assert len(scene.workspace.called(SHARE)) == 1
    assert scene.every_visible_file() == []


@pytest.mark.parametrize("error", ["file_not_found", "slack_connect_blocked_file_type"])
async def test_a_share_refused_with_its_picture_is_decided_again_and_repeated_without_it(
    scene, error
):
    await scene.grant()
    scene.slack.faults.add(Fault(SHARE, error=error))

    seen = await scene.ask()

    assert (seen.delivery.state, seen.delivery.outcome) == ("delivered", "raw")
    assert (seen.file.completed_times, seen.pictures) == (1, [])
    first, second = scene.workspace.called(SHARE)
    assert [str(each.arguments).count("title") for each in (first, second)] == [2, 1]
    assert scene.decisions_by_audience() == 3
    assert len(seen.audio_requests) == 1


async def test_a_stricter_decision_drops_the_raw_picture_with_its_recording(scene):
    await scene.grant()
    scene.slack.faults.add(Fault("upload"))  # the upload of the recording itself passes
    scene.slack.faults.add(Fault("upload", when="after", hang=True))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached("upload", times=2)
    await scene.end_right()
    scene.slack.faults.release("upload")

    seen = await asking

    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "not_cleared")
    assert seen.picture.content == drawn(recordings.load("combined", redacted=True), "muted")
    unseen = [file for file in scene.workspace.files if not file.completed_times]
    assert [file.name for file in unseen] == [f"{CALL}-raw.wav", f"{CALL}-raw.png"]
    assert seen.delivery.muted_spans == 1


async def test_a_dropped_share_that_becomes_visible_is_deleted_despite_a_first_refusal(new_scene):
    quickly = replace(WATCHFUL, check_every=timedelta(seconds=0.3))
    async with new_scene(timings=quickly) as scene:
        await scene.grant()
        scene.slack.faults.add(Fault(SHARE, when="after", hang=True))
        asking = asyncio.create_task(scene.ask())
        await scene.slack.faults.reached(SHARE)
        raw = [file.id for file in scene.workspace.files]
        # Another worker took over, decided that raw is not allowed, and dropped the upload.
        async with scene.database.write() as session:
            await session.execute(
                update(DeliveryRow).values(
                    outcome="redacted",
                    reason="not_cleared",
                    file_id=None,
                    picture_file_id=None,
                    share_tried_at=None,
                )
            )
        scene.slack.faults.add(Fault("files.delete", error="file_deleting_disabled", times=2))
        scene.slack.faults.release(SHARE)

        async def are_gone() -> bool:
            visible = {f.id for f in scene.workspace.visible_files(CHANNEL)}
            return not visible & set(raw) and not await orphaned_files(scene)

        seen = await asking
        await until(are_gone, every_seconds=0.05)

        assert (seen.delivery.state, seen.delivery.outcome) == ("delivered", "redacted")
        assert {each["file_id"] for each in await events(scene, "retention:file:taken_back")} == (
            set(raw)
        )
        assert {f.name for f in scene.workspace.visible_files(CHANNEL)} == {
            f"{CALL}-redacted.wav",
            f"{CALL}-redacted.png",
        }


async def test_a_dropped_share_with_an_unclear_answer_is_watched_for_a_while(scene):
    await scene.grant()
    scene.slack.faults.add(Fault(SHARE, hang=True, drop_connection=True))
    asking = asyncio.create_task(scene.ask())
    await scene.slack.faults.reached(SHARE)
    await scene.end_right()
    scene.slack.faults.release(SHARE)

    seen = await asking

    assert seen.delivery.outcome == "redacted"
    raw = [file.id for file in scene.workspace.files if "raw" in file.name]
    assert sorted(await orphaned_files(scene)) == sorted(raw)


async def test_a_press_shows_the_picture_and_its_muted_spans(scene):
    seen = await scene.ask()

    assert (await press(scene, seen)).status == 200
    view = await modal(scene)

    (image,) = [block for block in view["blocks"] if block["type"] == "image"]
    assert image["slack_file"] == {"id": seen.picture.id}
    assert "0:05.4 to 0:10.6 (5.2 s)" in str(view)
    assert await events(scene, "slack:waveform:shown") == [
        {"conversation_id": CALL, "outcome": "redacted"}
    ]


async def test_a_picture_that_slack_refuses_is_reported(scene):
    seen = await scene.ask()
    scene.slack.faults.add(Fault("views.update", error="invalid_blocks"))
    await press(scene, seen)
    told = str((await modal(scene))["blocks"])
    assert "a picture is still being prepared" in told
    assert "Reference" in told


async def test_a_person_who_is_not_cleared_sees_redacted_pictures_only(new_scene):
    async with new_scene(environment={"CALLAUDIO_AUDIENCE": "requester"}) as scene:
        scene.workspace.join(CHANNEL, BOB)
        await scene.grant()
        raw = await scene.ask()
        assert raw.delivery.outcome == "raw"

        assert (await press(scene, raw, BOB)).status == 200
        view = await modal(scene)

        assert "I cannot show you this waveform" in str(view)
        assert "not cleared" in str(view)
        assert raw.picture.id not in str(view)
        assert await events(scene, "slack:waveform:refused") == [
            {"conversation_id": CALL, "reason": "not_cleared"}
        ]

        redacted = await scene.ask(f"{CALL} redacted")
        await press(scene, redacted, BOB)

        async def is_shown() -> bool:
            return redacted.picture.id in str(await modal(scene))

        await until(is_shown)


async def test_a_person_who_presses_too_often_is_refused_and_others_are_served(scene):
    scene.workspace.join(CHANNEL, BOB)
    seen = await scene.ask()
    for _ in range(MOST):
        await press(scene, seen, BOB)

    async def all_are_shown() -> bool:
        return len(await events(scene, "slack:waveform:shown")) == MOST

    await until(all_are_shown)
    before = len(scene.workspace.called("conversations.info"))

    await press(scene, seen, BOB)
    told = str(await modal(scene))
    assert "Too many buttons were pressed within a minute" in told
    assert "Try again in a minute" in told
    assert len(scene.workspace.called("conversations.info")) == before
    assert [e["reason"] for e in await events(scene, "slack:waveform:refused")] == [
        "too_many_lookups"
    ]

    await press(scene, seen, ALICE)

    async def is_shown() -> bool:
        return seen.picture.id in str(await modal(scene))

    await until(is_shown)


async def test_a_refused_press_says_why_and_is_audited(scene):
    seen = await scene.ask()

    async def assert_refused(words: str, reason: str, user: str = ALICE) -> None:
        scene.workspace.views.clear()
        assert (await press(scene, seen, user)).status == 200
        assert words in str(await modal(scene))
        refused = (await events(scene, "slack:waveform:refused"))[-1]
        assert refused == {"conversation_id": CALL, "reason": reason}

    outside = "requester_not_in_destination"
    await assert_refused("You are not in this conversation", outside, user=BOB)
    for number, standing in enumerate(("is_restricted", "is_ultra_restricted", "is_stranger")):
        person = f"U0PERSON{number}"
        scene.workspace.add_user(person, **{standing: True})
        scene.workspace.join(CHANNEL, person)
        members_only = "Only members of this workspace"
        await assert_refused(members_only, "requester_not_allowed", user=person)
    for file in (seen.file, seen.picture):  # an old button, after it was taken back
        scene.workspace.file_table[file.id] = replace(file, deleted=True)
    await assert_refused("does not show this waveform", "waveform_not_ready")
    async with scene.database.write() as session:
        row = await session.get_one(DeliveryRow, seen.delivery.id)
        row.taken_back_at, row.taken_back_cause = utc_now(), "asked"
    await assert_refused("no longer available", "waveform_gone")


async def test_an_unknown_recording_has_no_picture_and_its_id_is_not_stored(scene):
    await scene.people.block_action(
        ALICE, CHANNEL, "1.1", Action.WAVEFORM.value, "+44 20 7946 0123", ephemeral=False
    )

    assert "no longer available" in str(await modal(scene))
    (event,) = await scene.all_audit()
    assert (event.tag, event.actor_id) == ("slack:waveform:refused", ALICE)
    assert (event.team_id, event.delivery_id) == (scene.workspace.team_id, None)
    assert event.payload == {"reason": "made_up"}


async def orphaned_files(scene: Scene) -> list[str]:
    return await scene.stored(select(OrphanedFileRow.file_id))
