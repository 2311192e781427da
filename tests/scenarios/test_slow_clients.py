"""Clients that hold connections open block neither Slack nor the health checks."""

import asyncio
import resource

import httpx
import pytest

from bot.cli.loopback_server import LOOPBACK
from tests.loopback import http_client
from tests.polling import DEADLINE_SECONDS
from tests.scenarios.killed_bot import Street
from tests.scenarios.scene import ALICE, CALL, CHANNEL

OPEN_FILES = 256
"""What the system gives the bot."""
SLOW_CLIENTS = 400
BEGUN = (
    b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nX-Slack-Signature: v0=00\r\n"
    b"X-Slack-Request-Timestamp: 1700000000\r\nContent-Length: 100\r\n\r\nx"
)


@pytest.fixture(autouse=True)
def _enough_files_here():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 2 * SLOW_CLIENTS
    if 0 <= soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_more_slow_clients_than_open_files_block_nobody(street):
    await street.start(open_files=OPEN_FILES)
    await hold_many(street)
    told = street.logs
    assert 1 <= told.count('"cause": "crowded"') < 10, "said once a minute, not for each"
    assert "Traceback" not in told
    assert CALL not in told


async def hold_many(street: Street) -> None:
    port, writers = int(street.environment["PORT"]), list[asyncio.StreamWriter]()
    try:
        for number in range(SLOW_CLIENTS // 100):
            opening = [asyncio.open_connection(LOOPBACK, port) for _ in range(100)]
            writers += [writer for _, writer in await asyncio.gather(*opening)]
            for writer in writers[-100:]:
                writer.write(BEGUN)
            assert await _answers(port)
            call = f"CA{number:032x}"
            ack = await street.scene.people.command(ALICE, CHANNEL, call)
            assert (ack.arrived, call in ack.text) == (True, True)
        assert await _answers(port, "/readyz")
        metrics = await _text(port, "/metrics")
        assert 'callaudio_requests_turned_away_total{cause="crowded"}' in metrics
    finally:
        for writer in writers:
            writer.transport.abort()


async def _answers(port: int, path: str = "/healthz") -> bool:
    try:
        return bool(await _text(port, path))
    except httpx.TransportError:
        return False


async def _text(port: int, path: str) -> str:
    async with http_client(timeout=DEADLINE_SECONDS) as http:
        response = await http.get(f"http://{LOOPBACK}:{port}{path}")
        assert response.status_code == 200
        return response.text
