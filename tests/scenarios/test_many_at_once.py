"""Many commands in one second, many of one person, and one very large recording."""

import asyncio
import gc
import hashlib
import os
import tempfile
import time
import tracemalloc
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from aiohttp import web
from sqlalchemy import func, select
from structlog.testing import capture_logs

from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from bot.sandbox.uploads import Uploads
from bot.store.tables import DeliveryRow
from bot.wiring.deliveries import MAX_RELAYS
from tests.polling import until
from tests.scenarios.scene import ALICE, BOB, CHANNEL, Scene

PEOPLE = [f"U0PERSON{number:03d}" for number in range(40)]
CHANNELS = [f"C0ROOM{number:04d}" for number in range(5)]
# Two hundred keep two cores busy for a minute:
# `CALLAUDIO_TEST_COMMANDS=200 pytest -k many_simultaneous`; `make bench` measures as many.
COMMANDS = int(os.environ.get("CALLAUDIO_TEST_COMMANDS", "30"))
MIB = 2**20
BOBS_ROOM = "C0BOBSROOM"
AT_ONCE = 20
LONGEST_SECONDS = 5.0
RECORDING = Recording.synthetic(20_000)
REDACTED = b"".join(RECORDING.pieces("combined", redacted=True))


class Traffic:
    """Counts the recordings a stand-in is receiving at the same time.

    Pictures are sent after their recordings have given up their places, so they are not counted.
    """

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    def __enter__(self) -> Self:
        self.now += 1
        self.most = max(self.most, self.now)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.now -= 1


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """Observe the uploads that the stand-in receives."""
    traffic, handle = Traffic(), Uploads.handle

    async def counted(uploads: Uploads, request: web.Request) -> web.StreamResponse:
        is_recording = request.content_length == len(REDACTED)
        with traffic if is_recording else nullcontext():
            return await handle(uploads, request)

    monkeypatch.setattr(Uploads, "handle", counted)
    return traffic


async def test_many_simultaneous_commands_are_acknowledged_and_each_delivered_once(traffic, street):
    await street.start()
    await ask_for_many(street.scene, traffic)


async def ask_for_many(scene: Scene, traffic: Traffic) -> None:
    for user_id in PEOPLE:
        scene.workspace.add_user(user_id)
    for channel_id in CHANNELS:
        scene.workspace.add_channel(channel_id, members=PEOPLE)
    calls = [scene.another_call(recording=RECORDING) for _ in range(COMMANDS)]
    scene.slack.faults.add(Fault("upload", delay_seconds=0.05, times=COMMANDS))

    acks = await asyncio.gather(
        *(
            scene.people.command(
                PEOPLE[number % len(PEOPLE)], CHANNELS[number % len(CHANNELS)], call
            )
            for number, call in enumerate(calls)
        )
    )

    assert [ack.status for ack in acks] == [200] * COMMANDS
    for call, ack in zip(calls, acks, strict=True):
        assert ack.text == f"Got it: I will post the recording of `{call}` in a message of its own."
        assert ack.body["response_type"] == "ephemeral"
    await everything_ended(scene, COMMANDS)
    files = scene.every_visible_file()
    assert Counter(file.name for file in files) == {f"{call}-redacted.wav": 1 for call in calls}
    assert all(file.content == REDACTED for file in files)
    assert len({file.thread_ts for file in files}) == COMMANDS
    parents = [m.ts for m in scene.everything_posted() if m.thread_ts is None]
    assert sorted(parents) == sorted(file.thread_ts for file in files)
    assert {d.state for d in await scene.deliveries()} == {"delivered"}
    assert 1 < traffic.most <= MAX_RELAYS, traffic.most
    assert scene.workspace.violations == []


async def test_one_call_requested_in_every_channel_at_once_is_delivered_in_each(scene):
    for channel_id in CHANNELS:
        scene.workspace.add_channel(channel_id, members=[ALICE])
    call = scene.another_call()

    await asyncio.gather(
        *(scene.people.command(ALICE, CHANNEL, f"{call} {channel}") for channel in CHANNELS)
    )
    await everything_ended(scene, len(CHANNELS))

    assert [len(scene.workspace.visible_recordings(channel)) for channel in CHANNELS] == [1] * 5


@pytest.mark.parametrize(
    "shape",
    [pytest.param(Shape.CONTENT_LENGTH, marks=pytest.mark.long), Shape.CHUNKED_SIZES_UNKNOWN],
)
async def test_a_large_recording_passes_in_little_memory_and_without_the_disk(
    scene, shape, own_folder
):
    size = 40 * MIB if shape is Shape.CONTENT_LENGTH else 16 * MIB
    recording = Recording.synthetic(size)
    scene.workspace.keep_bytes = 0  # the stand-in only counts and hashes its uploads
    call = scene.another_call(recording=recording, shape=shape)
    await scene.ask(scene.another_call())
    gc.collect()
    tracemalloc.start()

    seen = await scene.ask(call)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen.delivery.state == "delivered"
    assert seen.delivery.size_bytes == size
    assert seen.file.sha256 == digest_of(recording, shape)
    # Both stand-ins are in this process too, and their buffers are counted.
    assert peak < 16 * MIB
    assert files_below(own_folder) == {f"callaudio{end}" for end in STORE}


STORE = (".db", ".db-shm", ".db-wal", ".db.worker")


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of relative paths and temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def digest_of(recording: Recording, shape: Shape) -> str:
    digest = hashlib.sha256()
    for number, piece in enumerate(recording.pieces("combined", redacted=True)):
        if number == 0 and shape is Shape.CHUNKED_SIZES_UNKNOWN:
            unknown = b"\xff" * 4
            digest.update(piece[:4] + unknown + piece[8:40] + unknown + piece[44:])
        else:
            digest.update(piece)
    return digest.hexdigest()


async def many_of_alice(scene: Scene, many: int) -> int:
    """Make requests of Alice in batches; returns how many were accepted."""
    taken = 0
    for at in range(0, many, AT_ONCE):
        acks = await asyncio.gather(
            *(
                scene.people.command(ALICE, CHANNEL, scene.another_call())
                for _ in range(min(AT_ONCE, many - at))
            )
        )
        taken += sum("Got it" in ack.text for ack in acks)
        assert all("Got it" in ack.text or "are on their way" in ack.text for ack in acks)
    return taken


async def bobs_seconds(scene: Scene) -> float:
    scene.workspace.add_channel(BOBS_ROOM, members=[BOB], is_private=True)
    began = time.monotonic()
    await scene.people.command(BOB, BOBS_ROOM, scene.another_call())
    await until(lambda: scene.workspace.visible_recordings(BOBS_ROOM))
    return time.monotonic() - began


async def test_a_request_behind_many_of_another_person_is_served_before_their_last(scene):
    taken = await many_of_alice(scene, 80)

    await bobs_seconds(scene)

    assert len(scene.workspace.visible_recordings(CHANNEL)) < taken == 80
    await everything_ended(scene, taken + 1)


async def test_each_request_beyond_the_limit_is_refused_and_logged_once_a_minute(new_scene):
    async with new_scene(environment={"CALLAUDIO_MAX_WAITING": "1"}) as scene:
        scene.polyai.faults.add(Fault("audio", hang=True))
        await scene.people.command(ALICE, CHANNEL, scene.another_call())
        with capture_logs() as lines:
            acks = [
                await scene.people.command(ALICE, CHANNEL, scene.another_call()) for _ in range(5)
            ]

        assert all("on their way" in ack.text for ack in acks)
        refused = [each for each in lines if each["event"] == "request_refused"]
        assert [each["code"] for each in refused] == ["too_many_waiting"]
        scene.polyai.faults.release_all()
        await everything_ended(scene, 1)


@pytest.mark.long
async def test_a_request_behind_five_hundred_is_served_within_seconds(new_scene):
    async with new_scene(environment={"CALLAUDIO_MAX_WAITING": "20"}) as scene:
        taken = await many_of_alice(scene, 500)

        assert await bobs_seconds(scene) < LONGEST_SECONDS
        assert 20 <= taken < 500
        await everything_ended(scene, taken + 1)


async def everything_ended(scene: Scene, count: int, longest_seconds: float = 90) -> None:
    finished = select(func.count()).where(
        DeliveryRow.ended_at.is_not(None), DeliveryRow.response_url.is_(None)
    )
    async with asyncio.timeout(longest_seconds):
        while True:
            if await scene.stored(finished) == [count]:
                return
            await asyncio.sleep(0.1)
