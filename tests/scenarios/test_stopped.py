"""SIGTERM during deliveries: the process ends, and the next one delivers them once."""

import json
import signal
from typing import Any

import pytest

from bot.cli.serve import ANSWERS_SECONDS, HEALTH_SECONDS
from bot.jobs.work_loop import HAND_OVER_SECONDS
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from bot.slack.ack_window import ANSWER_SECONDS
from bot.slack.socket_mode import FINISH_SECONDS
from bot.wiring.timings import Timings
from tests.conftest import KINDS
from tests.scenarios.killed_bot import Bot
from tests.scenarios.scene import ALICE, CHANNEL

LARGE_BYTES = 8 * 2**20
"""More than all buffers on the way hold."""
KILLED_AFTER_SECONDS = 10


async def stopped(bot: Bot) -> list[dict[str, Any]]:
    """Stop the process as Docker does; returns its log."""
    bot.signal(signal.SIGTERM)
    await bot.is_gone()
    log = bot.log.read_text()
    assert "Traceback" not in log
    events = [json.loads(line) for line in log.splitlines()]
    assert events[-1] == {"event": "exited", "status": 0}
    return events


@pytest.mark.parametrize("street", KINDS, indirect=True)
async def test_interrupted_work_is_handed_over_and_delivered_once(street):
    scene = street.scene
    await scene.grant()
    scene.polyai.faults.add(Fault("audio", when="halfway", hang=True, times=2))
    large = scene.another_call(recording=Recording.synthetic(LARGE_BYTES))
    calls = [scene.another_call(shape=Shape.CHUNKED), large]
    first = await street.start(timings="impatient")
    for call in calls:
        assert "Got it" in (await scene.people.command(ALICE, CHANNEL, call)).text
    await scene.polyai.faults.reached("audio", times=2)

    events = await stopped(first)

    (handed_over,) = [each for each in events if each["event"] == "work_handed_over"]
    assert (handed_over["released"], handed_over["stuck"]) == (2, 0)
    assert not {each.get("level") for each in events} & {"error", "critical"}, events
    assert "Exception" not in first.log.read_text()

    scene.polyai.faults.release("audio")
    second = await street.start()
    await scene.all_ended()
    assert {each.state for each in await scene.deliveries()} == {"delivered"}
    files = scene.every_visible_file()
    assert sorted(file.name for file in files) == sorted(f"{call}-raw.wav" for call in calls)
    assert {file.completed_times for file in files} == {1}
    assert LARGE_BYTES in [file.length for file in files]
    parents = [m for m in scene.workspace.messages(CHANNEL) if m.thread_ts is None]
    assert len(parents) == len(calls), "one card for each"
    assert "work_taken_over" not in [each["event"] for each in await stopped(second)]


def test_the_stop_fits_into_the_time_before_a_kill():
    answers = max(ANSWERS_SECONDS, HEALTH_SECONDS + FINISH_SECONDS)
    waits = answers + Timings().drain_seconds + HAND_OVER_SECONDS
    assert waits < KILLED_AFTER_SECONDS - 1


def test_a_stop_waits_for_every_answer_for_which_slack_waits():
    assert ANSWER_SECONDS < ANSWERS_SECONDS
