"""Redacted recordings are compared with the raw ones: before the share, after it, or on request."""

import base64
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import select

from bot.cli.stage import AGENT_ID, RAW_KEY, environment_of
from bot.sandbox import recordings
from bot.sandbox.polyai_calls import Recording, Shape
from bot.store.tables import RedactionCheckRow
from bot.wiring.timings import Timings
from tests.polling import until
from tests.recordings.audio.test_wav_header_parser import chunk
from tests.scenarios.conftest import OpenScene, postgresql_at_length
from tests.scenarios.scene import (
    BOB,
    BOSS,
    CHANNEL,
    DELIVERED_TAGS,
    RAW_SPAN,
    Scene,
    assert_failed,
    assert_redacted,
)
from tests.scenarios.test_nothing_leaks import files_in

RAW, REDACTED = (recordings.load("combined", redacted=each) for each in (False, True))
ADMIN = "/callaudio-admin"
OF_CHECKS = ["worker:redaction:raw_requested", "worker:redaction:checked"]
Opened = Callable[[str], AbstractAsyncContextManager[Scene]]


def leaking() -> Recording:
    """Make half a second of a muted span audible, at a quarter of its loudness."""
    differing = [at for at in range(44, len(RAW)) if RAW[at] != REDACTED[at]]
    first = (differing[0] + 2000) // 2 * 2
    heard = bytearray(REDACTED)
    for at in range(first, first + 8000, 2):
        sample = int.from_bytes(RAW[at : at + 2], "little", signed=True) // 4
        heard[at : at + 2] = sample.to_bytes(2, "little", signed=True)
    return Recording.of(RAW, bytes(heard))


@pytest.fixture
def opened(new_scene: OpenScene, timings: Timings) -> Opened:
    """Open a scene with this setting, in which each sample is checked."""

    @asynccontextmanager
    async def open_scene(how: str) -> AsyncIterator[Scene]:
        environment = {"CALLAUDIO_CHECK_REDACTION": how, "CALLAUDIO_ADMINS": BOSS}
        every = replace(timings, redaction_share=1.0)
        async with new_scene(environment=environment, timings=every) as scene:
            yield scene

    return open_scene


async def ended_check(scene: Scene, call: str) -> RedactionCheckRow:
    of_call = select(RedactionCheckRow).where(RedactionCheckRow.conversation_id == call)

    async def ended() -> RedactionCheckRow | None:
        (row,) = await scene.stored(of_call)
        return row if row.ended_at else None

    return await until(ended)


def raw_requests(scene: Scene) -> int:
    return sum(request.key_kind == "raw" for request in scene.polyai.requests)


@postgresql_at_length
async def test_a_proven_recording_is_delivered(opened):
    async with opened("deliver") as scene:
        seen = await scene.ask()

        assert seen.delivery.state == "delivered"
        assert seen.file.content == REDACTED
        assert seen.tags == [*DELIVERED_TAGS[:3], *OF_CHECKS, *DELIVERED_TAGS[3:]]
        asked, told = (event for event in seen.audit if "redaction" in event.tag)
        assert (asked.actor_id, asked.payload["cause"]) == ("system", "deliver")
        assert (told.payload["verdict"], told.payload["muted_spans"] > 0) == ("proven", True)
        assert raw_requests(scene) == 1


@postgresql_at_length
async def test_a_recording_that_differs_is_never_posted_and_is_reported(opened):
    async with opened("deliver") as scene:
        call = scene.another_call(recording=leaking())
        seen = await scene.ask(call)

        assert_failed(
            seen, "redaction_differs", "of this call that should be muted", "/callaudio-admin check"
        )
        (told,) = [event for event in seen.audit if event.tag == OF_CHECKS[1]]
        assert told.payload["verdict"] == "differs"
        assert told.payload["heard_seconds"] == pytest.approx(0.5, abs=0.02)
        assert told.payload["heard_db"] < -6
        assert scene.every_visible_file() == []
        assert [c for c in scene.workspace.calls if c.method.startswith("files.complete")] == []


async def test_an_uncertain_recording_is_delivered_and_audited_as_uncertain(opened):
    async with opened("deliver") as scene:
        longer = Recording.of(RAW, REDACTED[:-4000])
        for changes in ({"recording": longer}, {"shape": Shape.TRAILER}):
            seen = await scene.ask(scene.another_call(**changes))
            assert seen.delivery.state == "delivered"
        told = [e.payload for e in await scene.all_audit() if e.tag == OF_CHECKS[1]]
        assert [(each["verdict"], each["doubt"]) for each in told] == [
            ("cannot_tell", "broken_off"),
            ("proven", None),
        ]


async def test_an_unavailable_raw_recording_delays_nothing(opened):
    async with opened("deliver") as scene:
        first = await scene.ask()
        scene.polyai.add_key(RAW_KEY, pii=True, agents=[])
        second = await scene.ask(scene.another_call())

        assert [each.delivery.state for each in (first, second)] == ["delivered"] * 2
        (told,) = [event for event in second.audit if event.tag == OF_CHECKS[1]]
        assert (told.payload["verdict"], told.payload["doubt"]) == ("cannot_tell", "broken_off")


async def test_a_recording_other_than_the_uploaded_one_proves_nothing(opened):
    async with opened("deliver") as scene:
        call = scene.another_call()
        async with scene.between_upload_and_share(call) as asking:
            # PolyAI mutes one more span meanwhile.
            more = bytearray(REDACTED)
            more[-9000:-5000] = bytes(4000)
            scene.polyai.add_call(call, agent_id=AGENT_ID, recording=Recording.of(RAW, bytes(more)))
        seen = await asking

        (told,) = [event for event in seen.audit if event.tag == OF_CHECKS[1]]
        assert (told.payload["verdict"], told.payload["doubt"]) == ("cannot_tell", "changed")


@postgresql_at_length
async def test_a_sample_that_differs_is_deleted_and_not_delivered_again_until_it_is_proven(opened):
    async with opened("sample") as scene:
        call = scene.another_call(recording=leaking())
        seen = await scene.ask(f"{call} agent redacted")
        check = await ended_check(scene, call)

        assert seen.delivery.state == "delivered"
        assert {request.key_kind for request in seen.audio_requests[:1]} == {"plain"}
        found = (check.verdict, check.cause, check.delivery_id)
        assert found == ("differs", "sample", seen.delivery.id)
        gone = "The redacted recording can no longer be heard in Slack: something can be heard"
        await until(lambda: any(gone in m.text for m in scene.everything_posted()))
        assert scene.every_visible_file() == []
        tags = [e.tag for e in await scene.audit(seen.delivery.id)]
        assert tags == [*DELIVERED_TAGS, *OF_CHECKS, "retention:file:taken_back"]

        scene.workspace.join(CHANNEL, BOB)
        again = await scene.ask(f"{call} redacted", user=BOB)
        assert_failed(again, "redaction_differs", "in a redacted recording of this call")
        assert again.audio_requests == []
        assert (await scene.ask(scene.another_call())).delivery.state == "delivered"

        corrected = Recording.of(RAW, REDACTED)
        scene.polyai.add_call(call, agent_id=AGENT_ID, recording=corrected)
        await scene.rule(f"check {call}")
        await until(lambda: any("both sides: Proven" in m.text for m in scene.everything_posted()))
        assert (await scene.ask(call)).delivery.state == "delivered"
        assert_failed(await scene.ask(f"{call} agent"), "redaction_differs", "naming the side")
        await scene.rule(f"check {call} agent")
        await until(lambda: any("agent: Proven" in m.text for m in scene.everything_posted()))
        await scene.next_second()
        assert (await scene.ask(f"{call} agent")).delivery.state == "delivered"


async def test_with_the_setting_off_nothing_is_checked(opened):
    async with opened("off") as scene:
        assert_redacted(await scene.ask(), "not_cleared")
        await scene.rest()
        assert raw_requests(scene) == 0


async def test_raw_recordings_and_transcripts_are_not_checked(opened):
    async with opened("deliver") as scene:
        await scene.grant()
        seen = await scene.ask()
        await scene.rest()
        assert seen.delivery.outcome == "raw"
        assert raw_requests(scene) == 1
        assert seen.tags == DELIVERED_TAGS


@postgresql_at_length
async def test_an_admin_has_a_recording_checked_and_gets_the_outcome_in_private(opened):
    async with opened("off") as scene:
        call = scene.another_call(recording=leaking())
        ack = await scene.rule(f"check {call}")
        check = await ended_check(scene, call)

        def told() -> str | None:
            posts = [m.text for m in scene.everything_posted() if call in m.text]
            return posts[0] if posts else None

        text = await until(told)
        assert "in a direct message" in ack.text
        assert "It differs: 1 span of 0.5 s" in text
        assert (check.asked_by, check.cause) == (BOSS, "asked")
        requested, checked = [e for e in await scene.all_audit() if "redaction" in e.tag]
        assert {requested.actor_id, checked.actor_id} == {BOSS}
        (dm,) = {m.channel for m in scene.everything_posted()}
        assert dm.startswith("D")


async def test_other_people_cannot_have_a_recording_checked(opened):
    async with opened("off") as scene:
        ack = await scene.rule("check CA123", BOB)
        assert "Only admins" in ack.text
        await scene.rest()
        assert raw_requests(scene) == 0


async def test_operators_check_a_recording(opened, nursery, sqlite_url, tmp_path, subtests):
    async with opened("off") as scene:
        environ = environment_of(scene.workspace, scene.slack, scene.polyai)
        environ.update(DATABASE_URL=sqlite_url, LOGNAME="operator")
        for recording, arguments, exit_code, verdict in (
            (Recording.speech(), [], 0, "proven"),
            (Recording.of(RAW, RAW), [], 1, "nothing_muted"),
            (Recording.speech(), ["--span", "0:00.5-0:01.0"], 1, "differs"),
        ):
            with subtests.test(verdict):
                call = scene.another_call(recording=recording)
                words = ("check-redaction", call, "--json", *arguments)
                ended, said, _ = await nursery.command(*words, folder=tmp_path, **environ)

                assert ended == exit_code
                (found,) = json.loads(said)
                assert found["verdict"] == verdict
                check = await ended_check(scene, call)
                told = (check.verdict, check.cause, check.asked_by)
                assert told == (verdict, "asked", "cli:operator")


def planted() -> dict[str, Recording]:
    """Build a pair for each outcome; no redacted one contains an unchanged raw sample."""
    half = REDACTED[44 : 44 + len(REDACTED[44:]) // 2]
    return {
        "sound": Recording.speech(),
        "leaking": leaking(),
        "shorter": Recording.of(RAW, REDACTED[:-4000]),
        "shifted": Recording.of(RAW, REDACTED[:44] + REDACTED[46:] + bytes(2)),
        "a second chunk": Recording.of(RAW, REDACTED + chunk(b"data", half)),
        "no recording": Recording.of(RAW, b"<html>busy</html>"),
    }


@pytest.mark.parametrize(
    "how", ["deliver", *(pytest.param(how, marks=pytest.mark.long) for how in ("sample", "off"))]
)
async def test_no_raw_audio_remains_anywhere(
    opened, how, tmp_path, tmp_path_factory, capfd, monkeypatch
):
    """With the setting off, an admin requests each check."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    async with opened(how) as scene:
        for recording in planted().values():
            call = scene.another_call(recording=recording)
            if how == "off":
                await scene.rule(f"check {call}")
            else:
                await scene.ask(call)
        # A body that is not a recording is not delivered, and so is not checked either.
        expected = len(planted()) if how == "off" else len(planted()) - 1
        await until(lambda: ended_checks(scene, expected))
        sound = RAW_SPAN[1024 : 1024 + 48]
        everything = {
            "calls to Slack": repr(scene.workspace.calls).encode(),
            "files": b"".join(file.content for file in scene.workspace.files),
            "messages": repr(scene.workspace.timeline).encode(),
            "private messages": repr(scene.workspace.ephemerals).encode(),
            "output": "".join(capfd.readouterr()).encode(),
            **files_in(tmp_path),
        }
        assert raw_requests(scene) >= expected, "raw was there to be kept"
        for needle in (sound, sound.hex().encode(), base64.b64encode(sound), repr(sound).encode()):
            assert [where for where, held in everything.items() if needle in held] == []
        assert files_in(temporary) == {}


async def ended_checks(scene: Scene, count: int) -> bool:
    ended = RedactionCheckRow.ended_at.is_not(None)
    return len(await scene.stored(select(RedactionCheckRow.id).where(ended))) == count


async def test_an_invalid_span_is_bad_usage(nursery, tmp_path):
    ended, _, complained = await nursery.command(
        "check-redaction", "CA123", "--span", "0:10-0:05", folder=tmp_path
    )
    assert ended == 2
    assert "--span" in complained
