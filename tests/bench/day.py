"""Ten thousand deliveries through one process, whose clock jumps ahead after each thousand. So raw
files are taken back, deliveries pruned and events sealed during new deliveries: memory, open files,
the database and latency become constant.
"""

import asyncio
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench import contestants
from tests.bench.deliveries import PEOPLE, Stage, alone, staged
from tests.bench.fast_forward_bot import JUMP, JUMPS_MADE
from tests.bench.rows import OURS, Row

DELIVERIES: Final = int(os.environ.get("BENCH_DAY", "10000"))
A_PART: Final = min(1_000, DELIVERIES // 10)
PARTS: Final = DELIVERIES // A_PART
AT_ONCE: Final = 50
ALONE: Final = 10
KEEP_DAYS: Final = 20
LEVELS_OFF_AFTER: Final = 4
"""Parts: one is under way, two are kept as long as the setting says, one is being pruned."""
LEAP_SECONDS: Final = 300.0
MODULE: Final = "tests.bench.fast_forward_bot"


async def run() -> list[Row]:
    """Deliver them in parts, each in its own channel; print a line for each part."""
    async with staged(_product) as stage:
        parts = []
        for number in range(PARTS):
            channel = f"C0PART{number:04}"
            stage.workspace.add_channel(channel, members=PEOPLE, is_private=True)
            figures = await _part(replace(stage, channel=channel))
            figures["jump seconds"] = await _jump(stage, number + 1)
            figures |= _stored(stage.folder)
            parts.append(figures)
            stage.workspace.calls.clear()  # the stand-in's own memory
            told = ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
            print(f"  after {(number + 1) * A_PART:,}: {told}", flush=True)
        print(f"  audit verify ends with {_callaudio(stage.folder, PARTS, 'audit', 'verify')}")
    level, last = parts[LEVELS_OFF_AFTER], parts[-1]
    level_off = ("resident MiB", "visible ms", "database MiB", "deliveries MiB", "audit MiB")
    goals = dict.fromkeys(level_off, "x 1.1")
    return [
        Row(
            f"{name} after {DELIVERIES:,}",
            "",
            {OURS: last[name], f"after part {LEVELS_OFF_AFTER + 1}": value},
            goals.get(name, ""),
        )
        for name, value in level.items()
    ]


def _product(
    environment: Mapping[str, str], folder: Path, cleared: list[str]
) -> AbstractContextManager[contestants.Running]:
    keeping = {**environment, "CALLAUDIO_KEEP_DELIVERIES_DAYS": str(KEEP_DAYS)}
    return contestants.product(keeping, folder, cleared, module=MODULE)


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
    return {
        "a second": (A_PART - ALONE) / seconds,
        "processor ms each": 1000 * spent / (A_PART - ALONE),
        "visible ms": 1000 * statistics.median(visible for _, visible in took),
        "resident MiB": stage.bot.resident_mib(),
        "open files": stage.bot.open_files(),
    }


async def _jump(stage: Stage, jumps: int) -> float:
    """Advance the clock, wait for the work that is due by it, then seal what was pruned."""
    began = time.perf_counter()
    os.kill(stage.bot.pid, signal.SIGUSR1)
    await asyncio.sleep(1)
    now = datetime.now(UTC) + JUMP * jumps
    while await asyncio.to_thread(_is_due, stage.folder, now):
        if time.perf_counter() - began > LEAP_SECONDS:
            msg = "what is due after a jump is not done"
            raise RuntimeError(msg)
        await asyncio.sleep(1)
    seconds = time.perf_counter() - began
    # The retention of deliveries of raw files begins when the files were taken back.
    before = f"{now - 3 * JUMP:%Y-%m-%dT%H:%M:%S}"
    seal = ("audit", "seal", "--team", stage.workspace.team_id, "--before", before)
    await asyncio.to_thread(_callaudio, stage.folder, jumps, *seal)
    return seconds


def _is_due(folder: Path, now: datetime) -> bool:
    due = "SELECT count(*) FROM due_work WHERE kind IN ('take_back', 'clean_up') AND due_at <= ?"
    with closing(sqlite3.connect(folder / "callaudio.db")) as database:
        (count,) = database.execute(due, [f"{now:%Y-%m-%d %H:%M:%S}.000000"]).fetchone()
    return bool(count)


def _callaudio(folder: Path, jumps: int, *arguments: str) -> int:
    """Run a command with the same clock; returns its exit code."""
    environ = {"DATABASE_URL": f"sqlite:///{folder}/callaudio.db", JUMPS_MADE: str(jumps)}
    command = [sys.executable, "-m", MODULE, *arguments]
    told = subprocess.run(
        command,
        check=False,
        cwd=contestants.ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
    )
    return told.returncode


def _stored(folder: Path) -> dict[str, float]:
    """Return the size of the file, and of the pages used by deliveries and by the audit."""
    pages = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name LIKE ? OR name LIKE ?"
    with closing(sqlite3.connect(folder / "callaudio.db")) as database:
        used = {
            name: database.execute(pages, [f"{name}%", f"%_{name}%"]).fetchone()[0]
            for name in ("deliveries", "audit")
        }
        (rows,) = database.execute("SELECT count(*) FROM deliveries").fetchone()
        (events,) = database.execute("SELECT count(*) FROM audit_events").fetchone()
    files = sum(each.stat().st_size for each in folder.glob("callaudio.db*"))
    return {
        "database MiB": files / 2**20,
        **{f"{name} MiB": size / 2**20 for name, size in used.items()},
        "deliveries kept": rows,
        "events kept": events,
    }
