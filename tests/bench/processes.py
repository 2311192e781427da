"""Several processes on one PostgreSQL: throughput, acknowledgements, and takeover after a kill."""

import asyncio
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import select

from bot.cli.loopback_server import LOOPBACK
from bot.sandbox.faults import Fault
from bot.sandbox.person import SlackClientSide
from bot.sandbox.polyai_calls import Recording
from bot.store.tables import DueWorkRow
from tests.bench.contestants import cpu_seconds
from tests.bench.rows import OURS, ROUNDS, Row
from tests.bench.stores import POSTGRESQL, SQLITE, migrated, store_urls
from tests.polling import until
from tests.ports import free_port
from tests.scenarios.killed_bot import LISTENER, WORKER, Bot, Nursery, Street, open_street
from tests.scenarios.scene import ALICE, CHANNEL

WORKERS: Final = (1, 2, 4)
WEBS: Final = (1, 2)
BURST: Final = 40
AT_ONCE: Final = 200
UPLOADS: Final = "files.getUploadURLExternal"
RECORDING: Final = Recording.synthetic(100_000)
LONGEST_SECONDS: Final = 300.0
LONGEST_TAKEOVER_SECONDS: Final = 15


async def run() -> list[Row]:
    """Measure each number of processes in turn, each on its own store."""
    burst: dict[int, list[tuple[float, float]]] = {each: [] for each in WORKERS}
    acks: dict[int, list[float]] = {each: [] for each in WEBS}
    takeovers: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        for workers in WORKERS:
            async with installation(1, workers) as (street, sides, bots):
                burst[workers].append(await _throughput(street, sides, bots))
        for webs in WEBS:
            async with installation(webs, 0) as (street, sides, _):
                acks[webs].append(await _slowest_ack(street, sides))
        async with installation(1, 2) as (street, _, bots):
            takeovers.append(await _takeover(street, bots[1:]))
    return [
        *_throughput_rows(burst),
        Row(
            f"{AT_ONCE} commands at once: answered by 2 webs",
            "/s",
            {OURS: _answered(acks[2]), "1 web": _answered(acks[1])},
        ),
        *_takeover_rows(takeovers),
    ]


@asynccontextmanager
async def installation(
    webs: int, workers: int
) -> AsyncIterator[tuple[Street, Sequence[SlackClientSide], Sequence[Bot]]]:
    """Start some processes with production's timings; returns people's side of each web."""
    with store_urls() as urls, tempfile.TemporaryDirectory(prefix="callaudio-bench-") as name:
        folder = Path(name)
        async with migrated(urls[SQLITE]), migrated(urls[POSTGRESQL]):
            pass
        template = folder / "template"
        template.mkdir()
        shutil.move(urls[SQLITE].removeprefix("sqlite:///"), template / "callaudio.db")
        with Nursery(template) as nursery:
            async with open_street(nursery, folder, database_url=urls[POSTGRESQL]) as street:
                await street.scene.grant()
                ports = [free_port() for _ in range(webs)]
                bots = [await street.start(LISTENER, port=each, timings="stormy") for each in ports]
                bots += [await street.start(WORKER, timings="stormy") for _ in range(workers)]
                workspace = street.scene.workspace
                sides = [
                    SlackClientSide(workspace, f"http://{LOOPBACK}:{port}/slack/events")
                    for port in ports
                ]
                yield street, sides, bots


async def _throughput(
    street: Street, sides: Sequence[SlackClientSide], bots: Sequence[Bot]
) -> tuple[float, float]:
    """Request many at once; returns deliveries a second, and the bots' share of the cores."""
    calls = [street.scene.another_call(recording=RECORDING) for _ in range(BURST)]
    cpu_from, began = sum(cpu_seconds(bot.pid) for bot in bots), time.perf_counter()
    await asyncio.gather(*(sides[0].command(ALICE, CHANNEL, call) for call in calls))
    async with asyncio.timeout(LONGEST_SECONDS):
        while len(street.scene.workspace.visible_recordings(CHANNEL)) < BURST:
            await asyncio.sleep(0.01)
    seconds = time.perf_counter() - began
    cpu = sum(cpu_seconds(bot.pid) for bot in bots) - cpu_from
    return BURST / seconds, 100 * cpu / seconds / (os.cpu_count() or 1)


async def _slowest_ack(street: Street, sides: Sequence[SlackClientSide]) -> float:
    calls = [street.scene.another_call(recording=RECORDING) for _ in range(AT_ONCE)]
    pairs = zip(itertools.cycle(sides), calls, strict=False)
    acks = await asyncio.gather(*(side.command(ALICE, CHANNEL, call) for side, call in pairs))
    return max(ack.seconds for ack in acks)


async def _takeover(street: Street, workers: Sequence[Bot]) -> tuple[float, float]:
    """Kill a worker during a transfer; returns the seconds to the next claim and to the file."""
    scene = street.scene
    scene.slack.faults.add(Fault("upload", when="halfway", hang=True))
    side = SlackClientSide(scene.workspace, f"http://{LOOPBACK}:{street.bots[0].port}/slack/events")
    await side.command(ALICE, CHANNEL, scene.another_call(recording=RECORDING))
    await scene.slack.faults.reached("upload")
    held = await _claim(street)
    holder = next(bot for bot in workers if UPLOADS in bot.log.read_text())
    began = time.perf_counter()
    await holder.kill()
    scene.slack.faults.release("upload")

    async def is_claimed_anew() -> bool:
        return await _claim(street) != held

    await until(is_claimed_anew)
    claimed = time.perf_counter() - began
    await until(lambda: scene.workspace.visible_recordings(CHANNEL))
    return claimed, time.perf_counter() - began


async def _claim(street: Street) -> str | None:
    row = DueWorkRow
    async with street.scene.database.read() as session:
        return await session.scalar(select(row.claim).where(row.kind == "deliver"))


def _throughput_rows(burst: dict[int, list[tuple[float, float]]]) -> list[Row]:
    by_workers = {
        workers: [statistics.median(each) for each in zip(*found, strict=True)]
        for workers, found in burst.items()
    }
    most = max(WORKERS)
    others = [workers for workers in WORKERS if workers != most]
    words = (
        f"deliveries a second, {BURST} at once, {most} workers",
        "share of the cores that these processes used",
    )
    return [
        Row(
            text,
            unit,
            {
                OURS: by_workers[most][index],
                **{f"{workers} workers": by_workers[workers][index] for workers in others},
            },
        )
        for index, (text, unit) in enumerate(zip(words, ("/s", "%"), strict=True))
    ]


def _answered(slowest: Sequence[float]) -> float:
    return AT_ONCE / statistics.median(slowest)


def _takeover_rows(takeovers: Sequence[tuple[float, float]]) -> list[Row]:
    claimed, visible = zip(*takeovers, strict=True)
    goal = f"< {LONGEST_TAKEOVER_SECONDS}"
    return [
        Row("worker killed in mid-relay: claimed, p50", "s", {OURS: statistics.median(claimed)}),
        Row("worker killed in mid-relay: claimed, most", "s", {OURS: max(claimed)}, goal),
        Row("worker killed in mid-relay: visible, most", "s", {OURS: max(visible)}, goal),
    ]
