"""A burst of requests while Slack enforces its published limits: all wait, and none fails.

A minute of the limits is some seconds long here, for the bot and for the stand-in alike.
`tests/slack/web_api/test_rate_limiter.py` measures the time of a burst, in virtual time.
"""

import math
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from bot.cli.stage import environment_of
from bot.jobs.retry_rule import RetryRule
from bot.recordings.steps.delivery_decision import FactRetryWindow
from bot.settings.environment import load_settings
from bot.wiring.application import Roles, open_application
from bot.wiring.timings import Timings
from tests.scenarios.conftest import QUICK
from tests.scenarios.scene import Scene
from tests.scenarios.test_many_at_once import everything_ended

PEOPLE = [f"U0PERSON{number:03d}" for number in range(10)]
CHANNELS = [f"C0ROOM{number:04d}" for number in range(5)]
INFO_A_MINUTE, INFO_EACH = 50, 2


def timings(scale: float) -> Timings:
    """Use production's intervals, with shorter minutes."""
    return replace(
        QUICK, retry=RetryRule(), fact_retry_window=FactRetryWindow(), slack_minute_scale=scale
    )


def least_seconds(deliveries: int, scale: float) -> float:
    """Return the minimum: fifty conversations.info in any minute, two for each delivery."""
    return 60 * scale * (math.ceil(deliveries * INFO_EACH / INFO_A_MINUTE) - 1)


async def burst(scene: Scene, deliveries: int, scale: float) -> int:
    """Make this number of requests at once, wait for all, and count the refused calls."""
    for user_id in PEOPLE:
        scene.workspace.add_user(user_id)
    for channel_id in CHANNELS:
        scene.workspace.add_channel(channel_id, members=PEOPLE, is_private=True)
    scene.workspace.enforce_published_limits(scale)
    for number in range(deliveries):
        person, channel = PEOPLE[number % len(PEOPLE)], CHANNELS[number % len(CHANNELS)]
        ack = await scene.people.command(person, channel, scene.another_call())
        assert "Got it" in ack.text
    await everything_ended(
        scene, deliveries, longest_seconds=60 + 3 * least_seconds(deliveries, scale)
    )
    return sum(call.status == "ratelimited" for call in scene.workspace.calls)


@pytest.mark.parametrize(
    ("deliveries", "scale"),
    [pytest.param(20, 0.1, id="20"), pytest.param(200, 0.5, marks=pytest.mark.long, id="200")],
)
async def test_a_burst_is_delivered_without_a_refusal_by_one_worker(new_scene, deliveries, scale):
    async with new_scene(timings=timings(scale)) as scene:
        refused = await burst(scene, deliveries, scale)

        assert {d.state for d in await scene.deliveries()} == {"delivered"}
        assert len(scene.every_visible_file()) >= deliveries
        assert refused <= deliveries // 20


@pytest.mark.long
async def test_a_burst_is_delivered_without_a_refusal_by_four_workers(
    new_scene, migrated_postgresql
):
    url, scale, deliveries = migrated_postgresql(), 0.5, 200
    async with AsyncExitStack() as stack:
        scene = await stack.enter_async_context(new_scene(timings=timings(scale), database_url=url))
        environ = environment_of(scene.workspace, scene.slack, scene.polyai)
        settings = load_settings({**environ, "DATABASE_URL": url})
        for _ in range(3):
            await stack.enter_async_context(
                open_application(
                    settings, roles=Roles(listens=False, works=True), timings=timings(scale)
                )
            )
        refused = await burst(scene, deliveries, scale)

        assert {d.state for d in await scene.deliveries()} == {"delivered"}
        assert refused <= deliveries // 20
