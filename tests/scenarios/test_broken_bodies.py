"""Bodies that are not the recording they claim to be, and unusual ones that are."""

import asyncio
import json
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli.stage import PLAIN_KEY
from bot.jobs.retry_rule import RetryRule
from bot.recordings.transfer.transfer_speed import MinimumSpeed
from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from tests.polling import until
from tests.scenarios.conftest import QUICK
from tests.scenarios.scene import ALICE, BROKEN_OFF, CALL, CHANNEL, RAW_SPAN, Scene, assert_failed

MEGABYTE = 2**20
RAW = recordings.load("combined", redacted=False)
SIZE = len(RAW)


def little(size: int) -> bytes:
    return size.to_bytes(4, "little")


# Each with the words of its error; a truncated body is noticed only at its end.
BROKEN = {
    Shape.HTML: ("html_instead", "A web page came instead", "`POLYAI_API_URL`"),
    Shape.JSON: ("json_instead", "A message in JSON came instead", "`POLYAI_API_URL`"),
    Shape.EMPTY: ("empty_body", "an empty recording", "not ready yet"),
    Shape.EMPTY_DATA: ("empty_body", "an empty recording", "nothing was recorded"),
    Shape.NOT_RIFF: ("not_wav", "not a WAV recording", "another audio format"),
    Shape.GZIP: ("unexpected_encoding", "came compressed", "switch off compression"),
    Shape.REDIRECT: ("unexpected_redirect", "sent the request elsewhere", "`POLYAI_REGION`"),
    Shape.TRUNCATED: ("recording_cut_short", "stopped arriving before its end", "Try again"),
    Shape.CHUNKED_CUT: ("recording_cut_short", "stopped arriving before its end", "Try again"),
    Shape.TO_THE_END_CUT: ("body_truncated", "ends before its announced length", "Try again"),
}
LATE = (Shape.TRUNCATED, Shape.CHUNKED_CUT, Shape.TO_THE_END_CUT)
UNKNOWN = b"\xff\xff\xff\xff"
LARGE_EXTRA = 65_536
# Every shape is a row of tests/recordings/transfer/test_relay.py. The two sizes in the header, the
# bytes after the recording, and how often it is requested: an unknown length is counted first.
WHOLE: Mapping[Shape, tuple[bytes | None, bytes | None, bytes, int]] = {
    Shape.CONTENT_LENGTH: (None, None, b"", 1),
    Shape.CHUNKED: (None, None, b"", 1),
    Shape.CHUNKED_SIZES_UNKNOWN: (UNKNOWN, UNKNOWN, b"", 2),
    Shape.RIFF_SAYS_LESS: (little(SIZE // 2), None, b"", 1),
    Shape.OVERLONG: (None, None, bytes(LARGE_EXTRA), 2),
    Shape.SLOW: (None, None, b"", 1),
}


async def test_a_broken_body_fails_with_a_note_and_leaves_nothing_visible(scene, subtests):
    scene.excuse(BROKEN_OFF)
    await scene.grant()
    for shape, (code, *words) in BROKEN.items():
        with subtests.test(shape.value):
            announced = len(scene.workspace.called("chat.postMessage"))

            seen = await scene.ask(scene.another_call(shape=shape))

            assert_failed(seen, code, *words)
            assert ("worker:delivery:announced" in seen.tags) is (shape in LATE)
            announced = len(scene.workspace.called("chat.postMessage")) - announced
            assert announced == (1 if shape in LATE else 0)  # withdrawn: nothing stays posted
    assert scene.workspace.called("files.completeUploadExternal") == []


async def test_a_complete_body_arrives_unchanged_however_it_is_sent(scene, subtests):
    await scene.grant()
    for shape, (riff_size, data_size, trailer, times) in WHOLE.items():
        with subtests.test(shape.value):
            expected = bytearray(RAW)
            expected[4:8] = riff_size or RAW[4:8]
            expected[40:44] = data_size or RAW[40:44]
            expected += trailer

            seen = await scene.ask(scene.another_call(shape=shape, pause_seconds=0.005))

            assert seen.delivery.state == "delivered"
            assert seen.file.content == bytes(expected)
            assert seen.file.length == seen.delivery.size_bytes == len(expected)
            assert seen.delivery.length_seconds == pytest.approx((SIZE - 44) / 16_000, abs=5)
            assert len(seen.pictures) == 1
            assert len(seen.audio_requests) == times
            assert len(seen.requests) == times + 1, "the facts, once"
    posts = scene.workspace.called("chat.postMessage")
    assert len(posts) == len(WHOLE), "one card each, also where two uploads are needed"
    assert scene.workspace.called("chat.delete") == []
    scene.excuse(BROKEN_OFF)  # a wrong header causes an upload that is not used


def encoded(tag: int, bits: int, bytes_per_second: int, *, magic: bytes = b"RIFF") -> bytes:
    form = struct.pack("<HHIIHH", tag, 1, 8000, bytes_per_second, 65, bits)
    data = bytes(range(256)) * 20
    chunks = b"WAVEfmt " + little(16) + form + b"data"
    sizes = (UNKNOWN, UNKNOWN) if magic == b"RF64" else (little(36 + len(data)), little(len(data)))
    return magic + sizes[0] + chunks + sizes[1] + data


ENCODED = {"GSM 6.10": encoded(0x31, 0, 1625), "RF64": encoded(1, 16, 16_000, magic=b"RF64")}


async def test_an_encoding_that_slack_may_not_play_is_delivered_and_named(scene, subtests):
    for name, body in ENCODED.items():
        with subtests.test(name):
            call = scene.another_call(recording=Recording.of(body, body))
            seen = await scene.ask(call)
            assert seen.delivery.state == "delivered"
            assert seen.file.content == body
            assert f"It is {name}, which Slack may not play. Download it" in str(seen.card.blocks)
            # Compressed samples are not read: no picture, and no number of muted spans.
            is_read = name == "RF64"
            assert len(seen.pictures) == is_read
            assert (seen.delivery.muted_spans is not None) == is_read
            assert "muted 0" not in str(seen.card.blocks)


async def test_a_recording_beyond_the_limit_is_refused_before_anything_is_posted(
    new_scene, subtests
):
    async with new_scene(environment={"CALLAUDIO_MAX_RECORDING_MB": "1"}) as scene:
        await scene.grant()
        large = Recording.synthetic(2 * MEGABYTE)
        # The length comes from HTTP, or from counting.
        for shape in (Shape.CONTENT_LENGTH, Shape.CHUNKED_SIZES_UNKNOWN):
            with subtests.test(shape.value):
                seen = await scene.ask(scene.another_call(recording=large, shape=shape))
                words = ("larger than 1 MB", "a very long call", "`CALLAUDIO_MAX_RECORDING_MB`")
                assert_failed(seen, "too_large", *words)
        assert scene.workspace.called("chat.postMessage") == []
        assert scene.workspace.files == []

        with subtests.test("exactly the limit"):
            call = scene.another_call(recording=Recording.synthetic(MEGABYTE))
            seen = await scene.ask(call)
            assert (seen.delivery.state, seen.file.length) == ("delivered", MEGABYTE)


async def test_a_recording_that_grew_after_it_was_counted_is_fetched_again(scene):
    scene.excuse(BROKEN_OFF)
    await scene.grant()
    counted = {"shape": Shape.CHUNKED_SIZES_UNKNOWN}
    call = scene.another_call(recording=Recording.synthetic(MEGABYTE), **counted)
    scene.slack.faults.add(Fault("chat.postMessage", hang=True))
    asking = asyncio.create_task(scene.ask(call))
    await scene.slack.faults.reached("chat.postMessage")

    key = next(key for key in scene.polyai.calls if key[1] == call)
    grown = Recording.synthetic(2 * MEGABYTE)
    scene.polyai.add_call(call, agent_id=key[0], recording=grown, **counted)
    scene.slack.faults.release("chat.postMessage")
    seen = await asking

    assert (seen.delivery.state, seen.file.length) == ("delivered", 2 * MEGABYTE)
    assert len(seen.posted) == 2, "one card, one file"


async def test_slow_calls_take_no_slot_from_another_agent(new_scene):
    agents = {"care": {"agent_id": "PROJECT-CARE", "region": "us", "api_key": PLAIN_KEY}}
    async with new_scene(
        environment={"POLYAI_AGENTS": json.dumps(agents)}, timings=replace(QUICK, drain_seconds=0)
    ) as scene:
        for _ in range(MORE_THAN_A_WORKER_RUNS):
            slow = scene.another_call(shape=Shape.TRICKLE, pause_seconds=0.5)
            await scene.people.command(ALICE, CHANNEL, slow)
        await until(lambda: audio_requests(scene) == MOST_OF_ONE_AGENT)

        scene.polyai.add_call(CALL, agent_id="PROJECT-CARE", recording=Recording.speech())
        seen = await scene.ask(f"care:{CALL}")

        assert seen.delivery.state == "delivered"
        assert len(scene.every_visible_file()) == 1


async def test_slow_calls_fail_with_a_note(new_scene):
    timings = replace(
        QUICK, minimum_speed=MinimumSpeed(grace_seconds=0.5), retry=RetryRule(attempts=1)
    )
    async with new_scene(timings=timings) as scene:
        slow = [scene.another_call(shape=Shape.TRICKLE, pause_seconds=0.05) for _ in range(3)]
        for call in slow:
            await scene.people.command(ALICE, CHANNEL, call)

        await until(lambda: len(words_of_failures(scene)) == len(slow))
        words = words_of_failures(scene)

        assert [each for each in words if "arrives too slowly from PolyAI" not in each] == []
        slow_network = "PolyAI or the network is slow at the moment"
        assert [each for each in words if slow_network not in each] == []
        assert {row.error_code for row in await scene.deliveries()} == {"source_too_slow"}
        assert scene.workspace.called("chat.postMessage") == []
        assert audio_requests(scene) == len(slow)


MOST_OF_ONE_AGENT = 6
MORE_THAN_A_WORKER_RUNS = 36


def audio_requests(scene: Scene) -> int:
    return sum(request.path.endswith("/audio") for request in scene.polyai.requests)


def words_of_failures(scene: Scene) -> list[str]:
    return [e.text for e in scene.workspace.ephemerals if "could not deliver" in e.text]


async def test_no_byte_of_a_recording_is_written_to_disk(new_scene, tmp_path, monkeypatch):
    folders = {name: tmp_path / name for name in ("temporary", "working")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders["temporary"]))
    monkeypatch.chdir(folders["working"])
    found: set[Path] = set()

    def look() -> None:
        found.update(tmp_path.rglob("*"))

    async def watch() -> None:
        while True:
            look()
            await asyncio.sleep(0.002)

    async with new_scene() as scene:
        scene.excuse(BROKEN_OFF)
        await scene.grant()
        watching = asyncio.create_task(watch())
        seen = await scene.ask(scene.another_call(shape=Shape.SLOW, pause_seconds=0.01))
        assert RAW_SPAN in seen.file.content
        large = scene.another_call(recording=Recording.synthetic(8 * MEGABYTE))
        assert (await scene.ask(large)).file.length == 8 * MEGABYTE
        broken = scene.another_call(shape=Shape.TRUNCATED)
        assert (await scene.ask(broken)).delivery.state == "failed"
        watching.cancel()
        look()

    assert all(RAW_SPAN[:64] not in path.read_bytes() for path in found if path.is_file())
    others = {path.relative_to(tmp_path) for path in found} - {Path(name) for name in folders}
    assert others  # the watch was running
    assert all(str(path).startswith("callaudio") and len(path.parts) == 1 for path in others)
