"""The decision's rows, each through a signed command, down to the bytes that arrived."""


from bot.sandbox import recordings
from tests.scenarios.scene import CALL, CHANNEL, Scene, Seen

RAW_SPAN = recordings.raw_span("combined")


def assert_raw(seen: Seen) -> None:
    (file,) = seen.files
    assert RAW_SPAN in file.content
    assert file.content == recordings.load("combined", redacted=False)
    assert file.name == f"{CALL}-raw.wav"
    assert seen.delivery.state == "delivered"
    assert {(r.key_kind, r.query["redacted"]) for r in seen.audio_requests} == {("raw", "false")}


def assert_redacted(seen: Seen, reason: str) -> None:
    (file,) = seen.files
    assert RAW_SPAN not in file.content
    assert file.content == recordings.load("combined", redacted=True)
    assert file.name == f"{CALL}-redacted.wav"
    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", reason)
    assert {(r.key_kind, r.query["redacted"]) for r in seen.audio_requests} == {("plain", "true")}


def assert_refused(seen: Seen, reason: str, scene: Scene) -> None:
    assert (seen.delivery.state, seen.delivery.reason) == ("refused", reason)
    assert seen.audio_requests == []
    assert scene.workspace.files == []
    assert all(not scene.workspace.messages(channel) for channel in scene.workspace.channels)
    assert "policy:delivery:refused" in seen.tags
    assert seen.delivery.id in str(seen.private[-1].blocks)


async def test_row_9_a_cleared_person_among_cleared_listeners_hears_raw(scene: Scene) -> None:
    await scene.grant()

    seen = await scene.ask()

    assert_raw(seen)
    (file,) = seen.files
    (parent,) = [m for m in scene.workspace.messages(CHANNEL) if m.ts == m.thread_ts or not m.thread_ts]
    assert file.thread_ts == parent.ts
    assert scene.workspace.violations == []
