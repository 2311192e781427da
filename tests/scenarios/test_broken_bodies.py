"""Bodies that are not the recording they claim to be, and odd ones that are."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from tests.scenarios.conftest import OpenScene
from tests.scenarios.scene import BROKEN_OFF, RAW_SPAN, Scene, assert_failed

MEGABYTE = 2**20
# Each in the words of its error; the last two are noticed only when all of the body has come.
BROKEN = {
    Shape.RIFF_SAYS_MORE: ("body_truncated", "ends before its announced length", "Try again"),
    Shape.HTML: ("not_audio", "something that is not a recording", "`POLYAI_API_URL`"),
    Shape.JSON: ("not_audio", "something that is not a recording", "`POLYAI_API_URL`"),
    Shape.EMPTY: ("empty_body", "an empty recording", "not ready yet"),
    Shape.NOT_RIFF: ("not_wav", "not a WAV recording", "another audio format"),
    Shape.GZIP: ("unexpected_encoding", "came compressed", "switch off compression"),
    Shape.REDIRECT: ("unexpected_redirect", "sent the request elsewhere", "`POLYAI_REGION`"),
    Shape.TRUNCATED: ("recording_cut_short", "stopped arriving before its end", "Try again"),
    Shape.OVERLONG: ("body_too_long", "longer than it announces", "while it was fetched"),
}
LATE = (Shape.TRUNCATED, Shape.OVERLONG)
WHOLE = {
    Shape.CONTENT_LENGTH: None,
    Shape.CHUNKED: None,
    Shape.CHUNKED_SIZES_UNKNOWN: b"\xff\xff\xff\xff",
    Shape.CHUNKED_SIZES_ZERO: bytes(4),
    Shape.SLOW: None,
}


def test_every_shape_is_covered() -> None:
    assert set(BROKEN) | set(WHOLE) == set(Shape)


async def test_a_broken_body_fails_in_words_and_leaves_nothing_behind(
    scene: Scene, subtests: pytest.Subtests
) -> None:
    scene.excuse(BROKEN_OFF)
    await scene.grant()
    for shape, (code, *words) in BROKEN.items():
        with subtests.test(shape.value):
            announced = len(scene.workspace.called("chat.postMessage"))

            seen = await scene.ask(scene.another_call(shape=shape))

            assert_failed(seen, code, *words)
            assert ("worker:delivery:announced" in seen.tags) is (shape in LATE)
            announced = len(scene.workspace.called("chat.postMessage")) - announced
            assert announced == (1 if shape in LATE else 0)  # and taken back: nothing is posted
    assert scene.workspace.called("files.completeUploadExternal") == []


async def test_a_whole_body_arrives_byte_for_byte_however_it_is_sent(
    scene: Scene, subtests: pytest.Subtests
) -> None:
    await scene.grant()
    for shape, sizes in WHOLE.items():
        with subtests.test(shape.value):
            expected = bytearray(recordings.load("combined", redacted=False))
            if sizes is not None:
                expected[4:8] = expected[40:44] = sizes

            seen = await scene.ask(scene.another_call(shape=shape, pause_seconds=0.005))

            assert seen.delivery.state == "delivered"
            assert seen.file.content == bytes(expected)
            assert seen.file.length == seen.delivery.size_bytes == len(expected)
    assert scene.workspace.violations == []


async def test_a_recording_beyond_the_limit_is_refused_before_anything_is_posted(
    new_scene: OpenScene, subtests: pytest.Subtests
) -> None:
    async with new_scene(environment={"CALLAUDIO_MAX_RECORDING_MB": "1"}) as scene:
        await scene.grant()
        large = Recording.synthetic(2 * MEGABYTE)
        # Announced by the connection, announced by the header, and counted.
        for shape in (Shape.CONTENT_LENGTH, Shape.CHUNKED, Shape.CHUNKED_SIZES_UNKNOWN):
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


async def test_a_recording_that_grew_between_two_looks_is_not_posted_half(scene: Scene) -> None:
    await scene.grant()
    call = scene.another_call(recording=Recording.synthetic(MEGABYTE))
    scene.slack.faults.add(Fault("chat.postMessage", hang=True, when="after"))
    asking = asyncio.create_task(scene.ask(call))
    await scene.slack.faults.reached("chat.postMessage")

    key = next(key for key in scene.polyai.calls if key[1] == call)
    scene.polyai.add_call(call, agent_id=key[0], recording=Recording.synthetic(2 * MEGABYTE))
    scene.slack.faults.release("chat.postMessage")
    seen = await asking

    assert_failed(seen, "recording_changed", "changed while it was being fetched", "in a few")


async def test_no_byte_of_a_recording_touches_the_disk(
    new_scene: OpenScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert others  # the watch did look
    assert all(str(path).startswith("callaudio") and len(path.parts) == 1 for path in others)
