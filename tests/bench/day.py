"""Ten thousand deliveries through one process: memory, open files and latency level off."""

import asyncio
import os
import statistics
import time
from dataclasses import replace
from typing import Final

from tests.bench import contestants
from tests.bench.deliveries import PEOPLE, Stage, alone, staged
from tests.bench.rows import OURS, Row

DELIVERIES: Final = int(os.environ.get("BENCH_DAY", "10000"))
A_PART: Final = DELIVERIES // 10
AT_ONCE: Final = 25
ALONE: Final = 10


async def run() -> list[Row]:
    """Deliver them in ten parts, each in a channel of its own; print a line for each part."""
    async with staged(contestants.product) as stage:
        parts = []
        for number in range(10):
            channel = f"C0PART{number:04}"
            stage.workspace.add_channel(channel, members=PEOPLE, is_private=True)
            parts.append(await _part(replace(stage, channel=channel)))
            stage.workspace.calls.clear()  # the stand-in's own memory
            figures = ", ".join(f"{name} {value:.1f}" for name, value in parts[-1].items())
            print(f"  after {(number + 1) * A_PART:,}: {figures}", flush=True)
    second, last = parts[1], parts[-1]
    goals = {"resident MiB": "x 1.1", "open files": "x 1", "visible ms": "x 1.1"}
    return [
        Row(
            f"{name} after {DELIVERIES:,}",
            "",
            {OURS: last[name], "after the second part": value},
            goals.get(name, ""),
        )
        for name, value in second.items()
    ]


async def _part(stage: Stage) -> dict[str, float]:
    began, spent = time.perf_counter(), stage.bot.cpu_seconds()
    for done in range(0, A_PART - ALONE, AT_ONCE):
        count = min(AT_ONCE, A_PART - ALONE - done)
        await asyncio.gather(*(stage.ask(stage.command()) for _ in range(count)))
        while len(stage.workspace.visible_recordings(stage.channel)) < done + count:
            await asyncio.sleep(0.1)
    seconds, spent = time.perf_counter() - began, stage.bot.cpu_seconds() - spent
    await asyncio.sleep(2)
    took = await alone(stage, ALONE, done=A_PART - ALONE)
    stored = sum(each.stat().st_size for each in stage.folder.glob("callaudio.db*"))
    return {
        "a second": (A_PART - ALONE) / seconds,
        "processor ms each": 1000 * spent / (A_PART - ALONE),
        "visible ms": 1000 * statistics.median(visible for _, visible in took),
        "resident MiB": stage.bot.resident_mib(),
        "open files": stage.bot.open_files(),
        "database MiB": stored / 2**20,
    }
