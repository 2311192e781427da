"""Clients that hold connections open keep neither Slack nor the health checks out."""

import asyncio
import os
import resource
import sys
from pathlib import Path
from typing import TextIO

import httpx
import pytest

from bot.cli.stage import LOOPBACK, environment_of
from bot.sandbox.person import SlackClientSide
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from tests.patience import until
from tests.ports import free_port
from tests.scenarios.scene import ALICE, CALL, CHANNEL

OPEN_FILES = 256
"""What the system gives the bot."""
SLOW_CLIENTS = 400
BEGUN = (
    b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nX-Slack-Signature: v0=00\r\n"
    b"X-Slack-Request-Timestamp: 1700000000\r\nContent-Length: 100\r\n\r\nx"
)


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


@pytest.fixture(autouse=True)
def _enough_files_here():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 2 * SLOW_CLIENTS
    if 0 <= soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_more_slow_clients_than_open_files_shut_nobody_out(tmp_path: Path) -> None:
    workspace, port = Workspace(), free_port()
    workspace.add_user(ALICE)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
    with (tmp_path / "log").open("w") as log:
        await hold_many(workspace, port, tmp_path, log)
    told = (tmp_path / "log").read_text()
    assert 1 <= told.count('"cause": "crowded"') < 10, "said once a minute, not for each"
    assert "Traceback" not in told
    assert CALL not in told


async def hold_many(workspace: Workspace, port: int, folder: Path, log: TextIO) -> None:
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run"),
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                **environment_of(workspace, slack, polyai),
                "DATABASE_URL": f"sqlite:///{folder}/bot.db",
                "PORT": str(port),
            },
            preexec_fn=few_files,
            stderr=log,
        )
        writers: list[asyncio.StreamWriter] = []
        people = SlackClientSide(workspace, f"http://{LOOPBACK}:{port}/slack/events")
        try:
            await until(lambda: _answers(port), every_seconds=0.1)
            for number in range(SLOW_CLIENTS // 100):
                opening = [asyncio.open_connection(LOOPBACK, port) for _ in range(100)]
                writers += [writer for _, writer in await asyncio.gather(*opening)]
                for writer in writers[-100:]:
                    writer.write(BEGUN)
                assert await _answers(port)
                ack = await people.command(ALICE, CHANNEL, f"CA{number:032x}")
                assert (ack.arrived, f"CA{number:032x}" in ack.text) == (True, True)
            assert await _answers(port, "/readyz")
            metrics = await _text(port, "/metrics")
            assert 'callaudio_requests_turned_away_total{cause="crowded"}' in metrics
        finally:
            process.kill()
            await process.wait()
            for writer in writers:
                writer.transport.abort()


async def _answers(port: int, path: str = "/healthz") -> bool:
    try:
        return bool(await _text(port, path))
    except httpx.TransportError:
        return False


async def _text(port: int, path: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        response = await http.get(f"http://{LOOPBACK}:{port}{path}")
        assert response.status_code == 200
        return response.text
