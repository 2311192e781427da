"""A service is unavailable while all recent calls failed."""

from bot.observability.metrics import Metrics
from bot.observability.service_availability import watch_services


async def test_a_service_is_unreachable_from_the_first_failed_call_to_the_first_answer():
    metrics = Metrics()
    slack = watch_services(metrics, ())["slack"]

    async def after(*results: str) -> bool:
        for result in results:
            metrics.slack_calls.labels(method="users.info", result=result).inc()
        return await slack.probe()

    assert await after()
    assert await after("ok", "slack_unreachable")
    assert not await after("slack_unreachable", "slack_answer_lost")
    assert not await after()
    assert await after("slack_rate_limited"), "it answers, if only that it is too much"
    assert await after()


async def test_only_polyais_hosts_count_for_polyai():
    metrics = Metrics()
    polyai = watch_services(metrics, ["api.us.poly.ai"])["polyai"]
    metrics.http_requests.labels(host="files.slack.com", status="none").inc()
    assert await polyai.probe()
    metrics.http_requests.labels(host="api.us.poly.ai", status="503").inc()
    metrics.http_requests.labels(host="files.slack.com", status="200").inc()
    assert not await polyai.probe()
    metrics.http_requests.labels(host="api.us.poly.ai", status="404").inc()
    assert await polyai.probe()
