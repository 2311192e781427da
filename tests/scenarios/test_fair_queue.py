"""A request for one recording is served soon although another person requests many."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from bot.sandbox.faults import Fault
from tests.polling import until
from tests.scenarios.scene import ALICE, BOB, CHANNEL, Scene
from tests.scenarios.test_many_at_once import everything_ended

BOBS_ROOM = "C0BOBSROOM"
AT_ONCE = 20
LONGEST_SECONDS = 5.0


async def ask_for_many(scene: Scene, many: int) -> int:
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
    taken = await ask_for_many(scene, 80)

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
        taken = await ask_for_many(scene, 500)

        assert await bobs_seconds(scene) < LONGEST_SECONDS
        assert 20 <= taken < 500
        await everything_ended(scene, taken + 1)
