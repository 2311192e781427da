"""A delivery from the command to the visible file, compared with a simple bot on the same Slack.
Both run in turn against the same stand-ins, each in a process that is started again for each round.
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import aiohttp

from bot.cli.stage import PLAIN_KEY, RAW_KEY, environment_of
from bot.sandbox.delivery import signature_headers
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from tests.bench import contestants
from tests.bench.contestants import Running
from tests.bench.rows import OURS, ROUNDS, Row, medians

PEOPLE: Final = ["U0ALICE00", "U0BOB0000", "U0CAROL00"]
CHANNEL: Final = "C0QUALITY0"
RECORDING_BYTES: Final = 100_000
ALONE: Final = 12
"""Deliveries one after another, each in an idle bot; the first two are not counted."""
WARM_UP: Final = 2
BURST: Final = 80
AT_ONCE: Final = 200
IDLE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.002
LONGEST_SECONDS: Final = 120.0

Start = Callable[[Mapping[str, str], Path, list[str]], AbstractContextManager[Running]]

ROWS: Final = (
    ("visible_ms", "command to visible file, idle", "ms", "x 1.5"),
    ("cpu_ms", "processor time a delivery", "ms", "x 1.25"),
    ("burst_per_second", f"deliveries a second, {BURST} at once", "/s", "x 1"),
    ("ack_p50_ms", "acknowledgement alone, p50", "ms", "x 1"),
    ("slowest_ack_ms", f"{AT_ONCE} commands at once: slowest", "ms", "<= 500"),
    ("acks_per_second", f"{AT_ONCE} commands at once: answered", "/s", ">= 400"),
    ("slack_calls", "Slack calls a delivery", "", "<= 10"),
    ("info_calls", "of these conversations.info", "", "<= 2"),
    ("polyai_requests", "PolyAI requests a delivery", "", "<= 2"),
    ("idle_cpu_percent", "idle processor time", "% of a core", "<= 1"),
    ("fresh_mib", "resident memory, just started", "MiB", ""),
    ("idle_mib", "resident memory, idle after pictures", "MiB", "<= 120"),
    ("ready_seconds", "start until ready", "s", "< 2"),
)


async def run() -> list[Row]:
    """Measure both bots, round after round."""
    starts: dict[str, Start] = {OURS: contestants.product, "simple bot": contestants.simple_bot}
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in starts}
    for _ in range(ROUNDS):
        for name, start in starts.items():
            measured[name].append(await _round(start))
    print(f"  {RECORDING_BYTES // 1000} KB each, in a private channel of 3, raw")
    return [Row(words, unit, medians(measured, key), goal) for key, words, unit, goal in ROWS]


@dataclass(frozen=True)
class Stage:
    """The stand-ins, a bot, and one client for all commands."""

    workspace: Workspace
    polyai: PolyAISandbox
    bot: Running
    http: aiohttp.ClientSession
    numbers: Iterator[int]
    folder: Path
    channel: str = CHANNEL

    def command(self) -> tuple[bytes, dict[str, str]]:
        """Build and sign a command for a new call."""
        call = f"CA{next(self.numbers):032x}"
        self.polyai.add_call(call, recording=Recording.synthetic(RECORDING_BYTES))
        form = {
            "team_id": self.workspace.team_id,
            "channel_id": self.channel,
            "user_id": PEOPLE[0],
            "command": "/callaudio",
            "text": call,
            "api_app_id": self.workspace.app_id,
            "is_enterprise_install": "false",
            "response_url": self.workspace.issue_response_url(PEOPLE[0], self.channel),
            "trigger_id": self.workspace.issue_trigger(PEOPLE[0]),
        }
        body = urlencode(form)
        headers = signature_headers(self.workspace.signing_secret, body)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return body.encode(), headers

    async def ask(self, command: tuple[bytes, dict[str, str]]) -> float:
        """Send a command; returns the seconds until it was acknowledged."""
        body, headers = command
        began = time.perf_counter()
        async with self.http.post(self.bot.events_url, data=body, headers=headers) as answer:
            await answer.read()
            if answer.status != 200:
                msg = f"the bot answered {answer.status}"
                raise RuntimeError(msg)
        return time.perf_counter() - began

    async def visible(self, count: int) -> None:
        """Wait until this number of recordings is visible."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while len(self.workspace.visible_recordings(self.channel)) < count:
            if time.monotonic() > deadline:
                msg = "a recording did not become visible"
                raise RuntimeError(msg)
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def staged(start: Start) -> AsyncIterator[Stage]:
    """Start a bot and its stand-ins."""
    workspace = Workspace()
    workspace.keep_bytes = 0
    for user_id in PEOPLE:
        workspace.add_user(user_id)
    workspace.add_channel(CHANNEL, members=PEOPLE, is_private=True)
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        polyai.add_key(PLAIN_KEY)
        polyai.add_key(RAW_KEY, pii=True)
        environment = environment_of(workspace, slack, polyai)
        with tempfile.TemporaryDirectory() as folder:
            began = start(environment, Path(folder), PEOPLE)
            bot = await asyncio.to_thread(began.__enter__)
            try:
                async with aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, force_close=True)
                ) as http:
                    yield Stage(workspace, polyai, bot, http, itertools.count(), Path(folder))
            finally:
                await asyncio.to_thread(began.__exit__, None, None, None)


async def _round(start: Start) -> dict[str, float]:
    async with staged(start) as stage:
        return await _measure(stage)


async def _measure(stage: Stage) -> dict[str, float]:
    fresh = stage.bot.resident_mib()
    await alone(stage, WARM_UP, done=0)
    await asyncio.sleep(1)
    idle_from = stage.bot.cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    idle = stage.bot.cpu_seconds() - idle_from
    calls, requests, cpu = len(stage.workspace.calls), len(stage.polyai.requests), 0.0
    cpu_from = stage.bot.cpu_seconds()
    took = await alone(stage, ALONE, done=WARM_UP)
    await asyncio.sleep(1)  # work after the file is visible is part of the cost
    cpu = stage.bot.cpu_seconds() - cpu_from
    memory = stage.bot.resident_mib()
    made = [call.method for call in stage.workspace.calls[calls:]]
    asked = len(stage.polyai.requests) - requests
    burst = await _burst(stage, done=WARM_UP + ALONE)
    acks = await _at_once(stage)
    return {
        "visible_ms": 1000 * statistics.median(visible for _, visible in took),
        "ack_p50_ms": 1000 * statistics.median(ack for ack, _ in took),
        "cpu_ms": 1000 * cpu / ALONE,
        "slack_calls": len(made) / ALONE,
        "info_calls": made.count("conversations.info") / ALONE,
        "polyai_requests": asked / ALONE,
        "burst_per_second": burst,
        "slowest_ack_ms": 1000 * max(acks),
        "acks_per_second": AT_ONCE / max(acks),
        "idle_cpu_percent": 100 * idle / IDLE_SECONDS,
        "fresh_mib": fresh,
        "idle_mib": memory,
        "ready_seconds": stage.bot.ready_seconds,
    }


async def alone(stage: Stage, count: int, *, done: int) -> list[tuple[float, float]]:
    """Request one after another; returns the seconds to the acknowledgement and to the file."""
    took = []
    for number in range(count):
        command = stage.command()
        began = time.perf_counter()
        ack = await stage.ask(command)
        await stage.visible(done + number + 1)
        took.append((ack, time.perf_counter() - began))
        await asyncio.sleep(0.3)
    return took


async def _burst(stage: Stage, *, done: int) -> float:
    """Request many at once; returns how many a second became visible."""
    commands = [stage.command() for _ in range(BURST)]
    began = time.perf_counter()
    await asyncio.gather(*map(stage.ask, commands))
    await stage.visible(done + BURST)
    return BURST / (time.perf_counter() - began)


async def _at_once(stage: Stage) -> list[float]:
    """Request many at once; returns how long each acknowledgement took."""
    commands = [stage.command() for _ in range(AT_ONCE)]
    return list(await asyncio.gather(*map(stage.ask, commands)))
