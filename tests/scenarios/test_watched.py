"""The metrics of a bot that serves people."""

from prometheus_client.parser import text_string_to_metric_families

from bot.sandbox.faults import Fault
from tests.scenarios.scene import Scene
from tests.scenarios.test_from_outside import get

LOOPBACK = "127.0.0.1"


async def figures(scene: Scene) -> dict[tuple[str, ...], float]:
    text = (await get(scene, "/metrics")).text
    return {
        (sample.name.removeprefix("callaudio_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_delivery_is_counted_in_the_metrics(new_scene):
    async with new_scene() as scene:
        await scene.grant()
        scene.slack.faults.add(
            Fault("conversations.info", status=429, headers={"Retry-After": "0"})
        )
        await scene.ask()
        seen = await figures(scene)
    assert seen["requests_total", "command"] == 1
    assert seen["deliveries_total", "cleared", "raw"] == 1
    assert seen["slack_calls_total", "conversations.info", "ok"] >= 2
    assert seen["slack_calls_total", "conversations.info", "slack_rate_limited"] == 1
    assert seen["http_requests_total", LOOPBACK, "200"] >= 2
    assert seen["audit_events_total", "worker:delivery:delivered"] == 1
    assert seen["backlog_known",] == 1
    assert seen["oldest_delivery_seconds",] == 0
