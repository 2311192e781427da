"""The reference that people see finds every log line about their request; metrics count it."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from bot.cli.stage import PLAIN_KEY, RAW_KEY
from bot.sandbox.faults import Fault
from tests.contracts.test_docs import rows
from tests.polling import until
from tests.scenarios.scene import CALL, Scene, assert_failed, assert_raw, assert_redacted
from tests.scenarios.test_from_outside import get


def lines_of(logs: dict[str, io.StringIO], reference: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in logs["logs"].getvalue().splitlines()]
    return [line for line in lines if line.get("reference") == reference]


async def test_a_delivery_can_be_followed_from_its_request_to_its_file(scene, logs):
    await scene.grant()
    seen = await scene.ask()
    assert_raw(seen)

    lines = lines_of(logs, seen.delivery.id)

    told = [(line["event"], line.get("method") or line.get("tag")) for line in lines]
    assert told[0] == ("request_stored", None)
    for step in (
        ("delivery_changed", "policy:delivery:decided"),
        ("polyai_called", None),
        ("slack_called", "chat.postMessage"),
        ("slack_called", "files.getUploadURLExternal"),
        ("slack_called", "upload"),
        ("slack_called", "files.completeUploadExternal"),
        ("delivery_changed", "worker:delivery:delivered"),
    ):
        assert step in told, told
    calls = [line for line in lines if str(line["event"]).endswith("_called")]
    assert all(isinstance(line["took_ms"], int) for line in calls)
    text = "\n".join(map(json.dumps, lines))
    assert CALL in text
    for secret in (PLAIN_KEY, RAW_KEY, scene.workspace.bot_token, "+44", "/upload/", "/commands/"):
        assert secret not in text


async def test_the_example_of_the_documents_names_each_line_of_a_redacted_delivery(scene, logs):
    seen = await scene.ask()
    assert_redacted(seen, "not_cleared")

    def lines() -> list[tuple[object, object]]:
        found = lines_of(logs, seen.delivery.id)
        return [(line["event"], line.get("method") or line.get("tag")) for line in found]

    await until(lambda: ("slack_called", "response_url") in lines())
    told = Counter(each for each in lines() if each != ("slack_called", "auth.test"))
    assert told == Counter(documented())


def documented() -> Iterator[tuple[str, str | None]]:
    """Read each line of the example's table: its event and its subject."""
    for event, about, _ in rows("| event | about |"):
        names = re.findall(r"`([^`]+)`", about) or [None] * (2 if "twice" in event else 1)
        for name in names:
            yield event.split("`")[1], name


async def test_the_log_lines_of_a_reference_contain_the_cause_of_its_failure(scene, logs):
    scene.polyai.faults.add(Fault("audio", status=401, error="AUTH_USER_INVALID_TOKEN"))
    seen = await scene.ask()
    assert_failed(seen, "polyai_key_rejected")

    lines = lines_of(logs, seen.delivery.id)

    assert seen.delivery.id in seen.note.text or seen.delivery.id in str(seen.note.blocks)
    assert 401 in [line.get("status") for line in lines]
    told = [line["status"] for line in lines if line.get("method") == "response_url"]
    assert told == [200]
    assert "worker:delivery:failed" in [line.get("tag") for line in lines]


async def figures(scene: Scene) -> dict[tuple[str, ...], float]:
    text = (await get(scene, "/metrics")).text
    return {
        (sample.name.removeprefix("callaudio_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_delivery_is_counted_in_the_metrics(scene):
    await scene.grant()
    scene.slack.faults.add(Fault("conversations.info", status=429, headers={"Retry-After": "0"}))
    await scene.ask()
    seen = await figures(scene)
    assert seen["requests_total", "command"] == 1
    assert seen["deliveries_total", "cleared", "raw"] == 1
    assert seen["slack_calls_total", "conversations.info", "ok"] >= 2
    assert seen["slack_calls_total", "conversations.info", "slack_rate_limited"] == 1
    assert seen["http_requests_total", "127.0.0.1", "200"] >= 2
    assert seen["audit_events_total", "worker:delivery:delivered"] == 1
    assert seen["backlog_known",] == 1
    assert seen["oldest_delivery_seconds",] == 0
