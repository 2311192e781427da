"""Somebody who asks for one recording during somebody else's many has it in a moment."""

import asyncio
import time

import pytest

from tests.patience import until
from tests.scenarios.scene import ALICE, BOB, CHANNEL, Scene
from tests.scenarios.test_many_at_once import everything_ended

BOBS_ROOM = "C0BOBSROOM"
AT_ONCE = 20
LONGEST_SECONDS = 5.0


@pytest.mark.parametrize("many", [80, pytest.param(500, marks=pytest.mark.long)])
async def test_one_behind_many_of_somebody_else_is_served_among_the_next(
    scene: Scene, many: int
) -> None:
    scene.workspace.add_channel(BOBS_ROOM, members=[BOB], is_private=True)
    for at in range(0, many, AT_ONCE):
        acks = await asyncio.gather(
            *(
                scene.people.command(ALICE, CHANNEL, scene.another_call())
                for _ in range(min(AT_ONCE, many - at))
            )
        )
        assert all("Got it" in ack.text for ack in acks)

    began = time.monotonic()
    await scene.people.command(BOB, BOBS_ROOM, scene.another_call())
    await until(lambda: scene.workspace.visible_recordings(BOBS_ROOM))
    seconds = time.monotonic() - began

    before_bob = len(scene.workspace.visible_recordings(CHANNEL))
    assert before_bob < many, "Alice's were not all served before"
    if many > 100:
        assert seconds < LONGEST_SECONDS
    await everything_ended(scene, many + 1, longest_seconds=90 + many)
