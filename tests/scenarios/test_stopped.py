"""SIGTERM in the middle of deliveries: the process ends, and the next one delivers them once."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from bot.cli.serve import ANSWERS_SECONDS
from bot.jobs.work_loop import HAND_OVER_SECONDS
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from bot.slack.socket_mode import FINISH_SECONDS
from bot.store.database import async_url
from bot.store.schema import upgrade
from bot.wiring.pace import Pace
from tests.cli.process import ready, start
from tests.patience import PATIENCE_SECONDS
from tests.scenarios.killed_bot import Street, open_street
from tests.scenarios.scene import ALICE, CHANNEL

LARGE_BYTES = 100 * 2**20
KILLED_AFTER_SECONDS = 10


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/callaudio.db"
    url = str(request.getfixturevalue("postgresql")())
    upgrade(async_url(url))
    return url


async def bot(street: Street) -> asyncio.subprocess.Process:
    process = await start("run", **street.environment)
    await ready(int(street.environment["PORT"]))
    return process


async def stopped(process: asyncio.subprocess.Process) -> str:
    """Stop it as Docker does; gives what it logged."""
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, err.decode()
    return (out + err).decode()


async def test_what_a_signal_cuts_short_is_handed_over_and_delivered_once(
    database_url: str, tmp_path: Path
) -> None:
    async with open_street(None, tmp_path, database_url=database_url) as street:
        if database_url.startswith("sqlite"):
            upgrade(async_url(database_url))
        scene = street.scene
        await scene.grant()
        scene.polyai.faults.add(Fault("audio", when="halfway", hang=True, times=2))
        large = scene.another_call(recording=Recording.synthetic(LARGE_BYTES))
        calls = [scene.another_call(shape=Shape.CHUNKED), large]
        first = await bot(street)
        for call in calls:
            assert "Got it" in (await scene.people.command(ALICE, CHANNEL, call)).text
        await scene.polyai.faults.reached("audio", times=2)

        log = await stopped(first)

        events = [json.loads(line) for line in log.splitlines()]
        (handed_over,) = [each for each in events if each["event"] == "work_handed_over"]
        assert (handed_over["released"], handed_over["stuck"]) == (2, 0)
        assert not {each["level"] for each in events} & {"error", "critical"}, log
        for word in ("Traceback", "Exception"):
            assert word not in log

        scene.polyai.faults.release("audio")
        second = await bot(street)
        for delivery in await scene.deliveries():
            assert (await scene.ended(delivery.id)).state == "delivered"
        files = scene.every_visible_file()
        assert sorted(file.name for file in files) == sorted(f"{call}-raw.wav" for call in calls)
        assert {file.completed_times for file in files} == {1}
        assert LARGE_BYTES in [file.length for file in files]
        parents = [m for m in scene.workspace.messages(CHANNEL) if m.thread_ts is None]
        assert len(parents) == len(calls), "one card for each"
        assert "work_taken_over" not in await stopped(second)


def test_all_that_a_stop_waits_for_fits_into_the_time_before_a_kill() -> None:
    waits = ANSWERS_SECONDS + FINISH_SECONDS + Pace().drain_seconds + HAND_OVER_SECONDS
    assert waits < KILLED_AFTER_SECONDS - 1
