"""Load balancers that cut each connection after five idle seconds: nobody notices."""

from contextlib import AsyncExitStack

import pytest

from tests.polling import until
from tests.scenarios.killed_bot import LISTENER, WORKER
from tests.scenarios.scene import ALICE, CHANNEL
from tests.tcp_relay import DatabaseRelay, HttpRelay

CUT_AFTER_SECONDS = 5.0
SOON_MS = 4_000
"""From the command to its end; a worker that heard of nothing would look five seconds later."""


@pytest.mark.long
async def test_after_each_pause_a_command_is_accepted_and_delivered_as_usual(
    migrated_postgresql, new_street
):
    url = migrated_postgresql()
    async with AsyncExitStack() as stack:
        street = await stack.enter_async_context(new_street(database_url=url))
        scene = street.scene
        database = await stack.enter_async_context(DatabaseRelay(url))
        slack = await stack.enter_async_context(HttpRelay(scene.slack.origin))
        polyai = await stack.enter_async_context(HttpRelay(scene.polyai.origin))
        for relay in (database, slack, polyai):
            relay.idle_seconds = CUT_AFTER_SECONDS
        scene.workspace.origin = slack.origin
        street.environment |= {
            "DATABASE_URL": database.url,
            "SLACK_API_URL": f"{slack.origin}/api/",
            "POLYAI_API_URL": scene.polyai.url.replace(scene.polyai.origin, polyai.origin),
        }
        await street.start(LISTENER)
        await street.start(WORKER)
        for pause in range(1, 4):
            cuts = database.idle_cuts
            seen = await scene.ask(scene.another_call())

            assert "Got it" in seen.ack.text
            assert seen.delivery.state == "delivered"
            assert seen.delivery.ended_at is not None
            took = seen.delivery.ended_at - seen.delivery.requested_at
            assert took.total_seconds() * 1000 < SOON_MS, pause
            await until(lambda: slack.connections == polyai.connections == 0)
            await until(lambda cuts=cuts: database.idle_cuts > cuts + 2)
        assert [file.completed_times for file in scene.workspace.recordings] == [1, 1, 1]
        assert {e.user for e in scene.workspace.ephemerals} == {ALICE}
        assert {e.channel for e in scene.workspace.ephemerals} == {CHANNEL}
        for sign in ("Traceback", "slack_answer_lost", "slack_unclear", "attempt_failed"):
            assert sign not in street.logs
