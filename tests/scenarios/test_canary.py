"""The canary: if the plain key returns raw, redacted deliveries freeze until an admin thaws."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.cli.doctor import examine
from bot.cli.stage import AGENT_ID, PLAIN_KEY, environment_of
from bot.recordings.redaction.canary_store import CanaryFinding, CanaryState, CanaryStore
from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from bot.settings.environment import load_settings
from bot.settings.model import SettingsError
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.wiring.clock import utc_now
from tests.loopback import http_client
from tests.polling import until
from tests.scenarios.conftest import OpenScene, postgresql_at_length
from tests.scenarios.scene import ALICE, BOB, BOSS, CHANNEL, Scene, assert_failed, assert_redacted
from tests.tables import each_row

CANARY_CALL = "CA" + "c0ffee00" * 4
RAW, REDACTED = (recordings.load("combined", redacted=each) for each in (False, True))
DIFFERING = [at for at in range(44, len(RAW)) if RAW[at] != REDACTED[at]]
FIRST, LAST = ((at - 44) / 16_000 for at in (DIFFERING[0], DIFFERING[-1]))
SPAN = f"0:{FIRST + 0.05:06.3f}-0:{LAST - 0.05:06.3f}"
AGREED = {"CALLAUDIO_CANARY": f"{CANARY_CALL}@{SPAN}", "CALLAUDIO_ADMINS": BOSS}


@pytest.fixture
def with_canary(new_scene: OpenScene):
    """Open a scene whose canary was checked once."""

    @asynccontextmanager
    async def opened(recording: Recording | None = None, **changes) -> AsyncIterator[Scene]:
        async with new_scene(**{"environment": AGREED, **changes}) as scene:
            scene.polyai.add_call(
                CANARY_CALL, agent_id=AGENT_ID, recording=recording or Recording.speech()
            )
            await looked(scene)
            yield scene

    return opened


async def states(scene: Scene) -> tuple[CanaryState, ...]:
    return await CanaryStore(database=scene.database, clock=utc_now).read()


async def looked(scene: Scene) -> CanaryState:
    """Run a check of the canary; returns its finding."""
    before = utc_now()
    async with scene.database.write() as session:
        enqueue(session, DueWorkKind.CHECK_CANARY, "canary", now=before)

    async def found() -> CanaryState | None:
        work, known = await scene.due(DueWorkKind.CHECK_CANARY, "canary"), await states(scene)
        is_over = work is not None and work.claim is None and work.due_at > utc_now()
        return known[0] if is_over and known and known[0].checked_at >= before else None

    return await until(found)


async def found_by_the_bot(scene: Scene, verdict: str) -> CanaryState:
    """Wait for the finding of the bot's own check."""

    async def found() -> CanaryState | None:
        return next((each for each in await states(scene) if each.verdict == verdict), None)

    return await until(found, every_seconds=0.05)


def plain_key_hears_raw(scene: Scene) -> None:
    """Give the plain key PII access at PolyAI."""
    scene.polyai.keys[PLAIN_KEY] = replace(scene.polyai.keys[PLAIN_KEY], pii=True)


def told_admins(scene: Scene) -> list[str]:
    return [m.text for m in scene.everything_posted() if "plain key returns unredacted" in m.text]


async def warned(scene: Scene) -> None:
    """Wait until the admins are notified of the freeze, so that no message comes later."""

    async def is_over() -> bool:
        return await scene.due(DueWorkKind.WARN_OF_FREEZE, CANARY_CALL) is None

    await until(is_over)


async def tags(scene: Scene) -> list[str]:
    return [e.tag.split(":")[2] for e in await scene.all_audit() if ":canary:" in e.tag]


async def checked_after_thaw(scene: Scene) -> None:
    async def is_checked() -> bool:
        return (await tags(scene))[-2:] == ["thawed", "checked"]

    await until(is_checked)


async def told_by_http(scene: Scene) -> tuple[int, dict[str, bool], str]:
    async with http_client() as http:
        ready = await http.get(f"{scene.stage.origin}/readyz")
        metrics = await http.get(f"{scene.stage.origin}/metrics")
    return ready.status_code, json.loads(ready.text), metrics.text


@postgresql_at_length
async def test_a_key_without_raw_access_freezes_nothing(with_canary):
    async with with_canary() as scene:
        (state,) = await states(scene)
        assert (state.verdict, state.frozen_at) == ("held", None)
        assert_redacted(await scene.ask(), "not_cleared")
        asked = {
            (request.key_kind, request.query["redacted"])
            for request in scene.polyai.requests
            if CANARY_CALL in request.path
        }
        assert asked == {("plain", "true"), ("plain", "false")}
        assert told_admins(scene) == []


@postgresql_at_length
async def test_a_plain_key_that_returns_raw_freezes_all_but_raw_until_an_admin_thaws(with_canary):
    async with with_canary() as scene:
        plain_key_hears_raw(scene)
        state = await looked(scene)
        assert (state.verdict, state.found) == ("broken", "answers_differ")
        await until(lambda: told_admins(scene))

        refused = await scene.ask()
        assert_failed(refused, "deliveries_frozen", "are not delivered at the moment")
        assert refused.audio_requests == []
        await scene.grant()
        raw = await scene.ask(scene.another_call())
        assert (raw.delivery.state, raw.delivery.outcome) == ("delivered", "raw")
        assert raw.file.content == RAW
        asked_redacted = await scene.ask(f"{scene.another_call()} redacted")
        assert_failed(asked_redacted, "deliveries_frozen")

        status, ready, metrics = await told_by_http(scene)
        assert (status, ready["redacted_deliveries"]) == (200, False)
        assert "callaudio_deliveries_frozen 1.0" in metrics

        nobody = await scene.rule("thaw I would like to", BOB)
        assert "Only admins" in nobody.text
        assert "needs a reason" in (await scene.rule("thaw")).text

        scene.polyai.keys[PLAIN_KEY] = replace(scene.polyai.keys[PLAIN_KEY], pii=False)
        assert "delivered again" in (await scene.rule("thaw key replaced")).text
        await checked_after_thaw(scene)
        call = scene.another_call()
        assert_redacted(await scene.ask(f"{call} redacted"), "asked", call)
        (thawed,) = await scene.events("admin:canary:thawed")
        assert (thawed.actor_id, thawed.payload["reason"]) == (BOSS, "key replaced")
        found = await tags(scene)
        first = found.index("frozen")
        assert found[first : first + 2] == ["frozen", "thawed"]
        assert {*found[:first], *found[first + 2 :]} == {"checked"}
        assert len(told_admins(scene)) == 1
        assert "No deliveries are frozen" in (await scene.rule("thaw again")).text


async def test_a_thaw_without_another_key_freezes_again_at_once(with_canary):
    async with with_canary() as scene:
        plain_key_hears_raw(scene)
        assert (await looked(scene)).frozen_at
        await until(lambda: told_admins(scene))

        assert "The canary is checked now" in (await scene.rule("thaw I thought so")).text

        await until(lambda: len(told_admins(scene)) == 2)
        assert (await tags(scene)).count("frozen") == 2
        assert_failed(await scene.ask(), "deliveries_frozen")


async def test_an_admin_whom_slack_fails_to_notify_does_not_repeat_the_warning_to_others(
    with_canary,
):
    chief = "U0CHIEF00"
    environment = {**AGREED, "CALLAUDIO_ADMINS": f"{BOSS},{chief}"}
    async with with_canary(environment=environment) as scene:
        scene.workspace.add_user(chief)
        for fault in (Fault("chat.postMessage"), Fault("chat.postMessage", error="fatal_error")):
            scene.slack.faults.add(fault)
        plain_key_hears_raw(scene)
        await looked(scene)
        await warned(scene)
        assert len(told_admins(scene)) == 1


async def test_what_was_posted_since_the_last_check_that_passed_is_deleted(with_canary):
    async with with_canary() as scene:
        redacted = await scene.ask()
        await scene.grant()
        raw = await scene.ask(scene.another_call())
        scene.polyai.add_call(CANARY_CALL, agent_id=AGENT_ID, recording=Recording.of(RAW, RAW))
        assert (await looked(scene)).found == CanaryFinding.SPAN_HEARD

        gone = "The redacted recording can no longer be heard in Slack: the key that fetched it"
        await until(lambda: any(gone in m.text for m in scene.everything_posted()))
        assert [file.content for file in scene.every_visible_file()] == [raw.file.content]
        (told,) = await until(lambda: told_admins(scene))
        assert "are being deleted from Slack" in told
        (frozen,) = await scene.events("worker:canary:frozen")
        assert frozen.payload["ordered_take_backs"] == 1
        (deleted,) = await scene.events("retention:file:taken_back")
        assert (deleted.delivery_id, deleted.payload["cause"]) == (redacted.delivery.id, "frozen")


async def test_a_freeze_survives_a_restart_and_a_removed_setting(with_canary, new_scene):
    async with with_canary(Recording.of(RAW, RAW)) as scene:
        assert (await states(scene))[0].frozen_at
        await warned(scene)
        assert len(told_admins(scene)) == 1
    async with new_scene(environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        assert_failed(await scene.ask(), "deliveries_frozen")


NO_ANSWERS = [
    Fault("audio", status=429, headers={"Retry-After": "3600"}, times=9),
    Fault("audio", status=503, times=9),
    Fault("audio", status=401, times=9),
    Fault("audio", when="halfway", drop_connection=True, times=9),
    Fault("audio", status=200, body=b"<html>busy</html>", times=9),
]


async def test_an_uncertain_check_freezes_nothing(with_canary):
    async with with_canary() as scene:
        for fault in NO_ANSWERS:
            for _ in range(2):  # hit by the first answer, and by the second only
                scene.polyai.faults.add(fault)
                state = await looked(scene)
                assert (state.verdict, state.frozen_at) == ("cannot_tell", None), fault
                assert state.found
                scene.polyai.faults.clear()
                scene.polyai.faults.add(Fault("audio", delay_seconds=0.01))
            scene.polyai.faults.clear()
        assert_redacted(await scene.ask(), "not_cleared")
        assert told_admins(scene) == []


async def test_a_truncated_answer_or_a_missing_call_freezes_nothing(with_canary):
    cut = (Shape.TRUNCATED, Shape.CHUNKED_CUT, Shape.TO_THE_END_CUT, Shape.HTML, Shape.EMPTY)
    async with with_canary() as scene:
        missing = {"recording": None}
        for call in (*({"recording": Recording.speech(), "shape": each} for each in cut), missing):
            scene.polyai.add_call(CANARY_CALL, agent_id=AGENT_ID, **call)
            state = await looked(scene)
            assert (state.verdict, state.frozen_at) == ("cannot_tell", None), call
            assert state.held_at


async def test_a_delivery_under_way_is_not_shared_after_a_freeze(with_canary):
    async with with_canary() as scene:
        async with scene.between_upload_and_share() as asking:
            plain_key_hears_raw(scene)
            assert (await looked(scene)).frozen_at
            await until(lambda: told_admins(scene))
        seen = await asking
        assert (seen.delivery.state, seen.delivery.error_code) == ("failed", "deliveries_frozen")
        assert "are not delivered at the moment" in seen.note.text
        assert scene.every_visible_file() == []


async def test_an_upload_from_before_a_freeze_that_ends_after_the_thaw_is_fetched_again(
    with_canary,
):
    async with with_canary() as scene:
        plain_key_hears_raw(scene)
        call = scene.another_call(recording=Recording.of(RAW, RAW))
        async with scene.between_upload_and_share(call) as asking:
            assert (await looked(scene)).frozen_at
            scene.polyai.keys[PLAIN_KEY] = replace(scene.polyai.keys[PLAIN_KEY], pii=False)
            scene.polyai.add_call(call, agent_id=AGENT_ID, recording=Recording.speech())
            await scene.rule("thaw key replaced")

        seen = await asking

        assert (seen.delivery.state, seen.delivery.outcome) == ("delivered", "redacted")
        assert RAW in [file.content for file in scene.workspace.files], "the upload from before"
        assert [file.content for file in scene.every_visible_file()] == [REDACTED]


async def test_operators_are_informed_and_can_thaw(with_canary, nursery, sqlite_url, tmp_path):
    async def thawed(reason: str) -> tuple[int, str]:
        environ = {"DATABASE_URL": sqlite_url, "LOGNAME": "operator"}
        words = ("canary", "thaw", "--reason", reason)
        ended, said, _ = await nursery.command(*words, folder=tmp_path, **environ)
        return ended, said

    async with with_canary(Recording.of(RAW, RAW)) as scene:
        await warned(scene)
        environ = {
            **environment_of(scene.workspace, scene.slack, scene.polyai),
            **AGREED,
            "DATABASE_URL": sqlite_url,
        }
        (found,) = [each for each in await examine(load_settings(environ)) if each.what == "canary"]
        assert "no redacted recordings are delivered" in found.says
        assert "callaudio canary thaw" in found.fix

        scene.polyai.add_call(CANARY_CALL, agent_id=AGENT_ID, recording=Recording.speech())
        assert (await thawed(" "))[0] == 2
        assert await thawed("key replaced") == (0, "Thawed: 1.\n")
        (event,) = await scene.events("admin:canary:thawed")
        assert (event.actor_id, event.payload["reason"]) == ("cli:operator", "key replaced")
        await checked_after_thaw(scene)
        assert_redacted(await scene.ask(), "not_cleared")
        assert (await thawed("once more"))[0] == 1


@each_row("given", ["CA1", "CA1@", "@0:01-0:02", "CA1@0:02-0:01", "CA 1@0:01-0:02"])
def test_an_unreadable_canary_setting_is_refused_at_startup(given):
    with pytest.raises(SettingsError) as refused:
        load_settings({"CALLAUDIO_CANARY": given})
    assert any("CALLAUDIO_CANARY" in each for each in refused.value.problems)


async def test_a_start_freezes_deliveries_even_shortly_after_the_last_check(street):
    street.environment |= AGREED
    scene = street.scene
    scene.polyai.add_call(CANARY_CALL, agent_id=AGENT_ID, recording=Recording.speech())
    bot = await street.start()
    assert (await found_by_the_bot(scene, "held")).frozen_at is None
    await bot.kill()
    plain_key_hears_raw(scene)

    await street.start()

    assert (await found_by_the_bot(scene, "broken")).frozen_at
    await scene.people.command(ALICE, CHANNEL, scene.another_call())
    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.error_code) == ("failed", "deliveries_frozen")
    assert scene.every_visible_file() == []
