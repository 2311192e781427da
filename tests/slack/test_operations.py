"""The operators' endpoints: who may read details, and how often the parts are checked."""

import asyncio

import httpx
import pytest

from bot.observability.metrics import Metrics
from bot.slack.operations import Operations
from bot.slack.web import build_web
from tests.tables import each_row

HERE, ELSEWHERE = "127.0.0.1", "203.0.113.9"


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def breaks() -> bool:
    raise OSError("the database is at db.internal, password Zq7vB2nL9xK4")


async def hangs() -> bool:
    await asyncio.Event().wait()
    return True


def caller(probes=None, *, port=None, peer=HERE, at=3000, monotonic=lambda: 0.0, measure=None):
    """Build a caller from ``peer`` who calls port ``at``."""
    operations = Operations(
        metrics=Metrics(), probes=probes or {}, port=port, monotonic=monotonic, measure=measure
    )
    web = build_web(operations=operations, slack=None)

    async def served(scope, receive, send):
        await web({**scope, "server": ("10.0.0.5", at)}, receive, send)

    transport = httpx.ASGITransport(served, client=(peer, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://bot")


async def test_health_is_one_word_for_everybody():
    response = await caller(peer=ELSEWHERE).get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")


async def test_metrics_are_in_the_prometheus_format():
    response = await caller().get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert "callaudio_relays_in_progress" in response.text


@each_row(
    ("port", "peer", "at", "headers", "is_told"),
    [
        (None, HERE, 3000, {}, True),
        (None, "::1", 3000, {}, True),
        (None, ELSEWHERE, 3000, {}, False),
        (None, "10.0.0.7", 3000, {}, False),
        # Through a proxy here, and with a forged address of this machine.
        (None, HERE, 3000, {"X-Forwarded-For": ELSEWHERE}, False),
        (None, HERE, 3000, {"Forwarded": "for=x"}, False),
        (None, ELSEWHERE, 3000, {"X-Forwarded-For": HERE}, False),
        # With an address of its own for metrics, only that counts, and its name cannot be forged.
        (9090, ELSEWHERE, 9090, {}, True),
        (9090, ELSEWHERE, 3000, {}, False),
        (9090, ELSEWHERE, 3000, {"Host": "bot:9090"}, False),
        (9090, HERE, 3000, {}, False),
    ],
)
async def test_details_and_metrics_are_for_operators_only(port, peer, at, headers, is_told):
    async with caller({"database": no}, port=port, peer=peer, at=at) as client:
        ready = await client.get("/readyz", headers=headers)
        metrics = await client.get("/metrics", headers=headers)
    assert ready.status_code == 503
    if is_told:
        assert ready.json() == {"database": False}
        assert "callaudio_" in metrics.text
    else:
        assert ready.text == "not ready\n"
        assert metrics.status_code == 403
        assert "callaudio_" not in metrics.text


@each_row(
    ("probes", "status", "found"),
    [
        ({"database": yes, "engine": yes}, 200, {"database": True, "engine": True}),
        ({"database": yes, "engine": no}, 503, {"database": True, "engine": False}),
        ({"database": breaks, "engine": yes}, 503, {"database": False, "engine": True}),
        ({}, 200, {}),
    ],
)
async def test_readiness_names_each_part_without_the_detail_of_its_failure(probes, status, found):
    response = await caller(probes).get("/readyz")
    assert (response.status_code, response.json()) == (status, found)


async def test_a_part_that_does_not_answer_is_not_ready(monkeypatch):
    monkeypatch.setattr("bot.slack.operations.PROBE_SECONDS", 0.01)
    response = await caller({"database": hangs, "engine": yes}).get("/readyz")
    assert (response.status_code, response.json()) == (503, {"database": False, "engine": True})


async def test_readiness_is_checked_once_a_second_however_many_ask():
    now, looks = 0.0, 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return True

    async with caller({"database": look}, monotonic=lambda: now) as client:
        await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
        assert looks == 1
        now = 0.9
        await client.get("/readyz")
        assert looks == 1
        now = 1.0
        await client.get("/readyz")
        assert looks == 2


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_a_check_that_a_stop_cuts_off_is_answered(path):
    began = asyncio.Event()

    async def hangs_from_here() -> bool:
        began.set()
        return await hangs()

    async with caller({"database": hangs_from_here}, measure=hangs_from_here) as client:
        asking = asyncio.create_task(client.get(path))
        await began.wait()
        asking.cancel()  # as uvicorn does when it waits no longer
        response = await asking
    assert (response.status_code, response.text) == (503, "This process is stopping.\n")
