"""How long the command line takes to answer, on an empty database."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bench.rows import OURS, ROUNDS, Row, medians

ROOT: Final = Path(__file__).parents[2]
COMMANDS: Final = {"--help": ("--help", "500"), "grants list": ("grants list", "1000")}


async def run() -> list[Row]:
    """Run each command in turn."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "DATABASE_URL": f"sqlite:///{folder}/callaudio.db"}
        _answered(["migrate"], environ)
        for words, _ in COMMANDS.values():
            _answered(words.split(), environ)  # compiles what is not compiled yet
        rounds = [
            {
                key: figure
                for name, (words, _) in COMMANDS.items()
                for key, figure in _answered(words.split(), environ, name).items()
            }
            for _ in range(ROUNDS)
        ]
    return [
        Row(f"callaudio {name}{words}", "ms", medians({OURS: rounds}, name + words), goal)
        for name, (_, most_ms) in COMMANDS.items()
        for words, goal in (("", f"<= {most_ms}"), (", processor time", ""))
    ]


def _answered(words: list[str], environ: dict[str, str], name: str = "") -> dict[str, float]:
    began, spent = time.perf_counter(), _children_seconds()
    command = [sys.executable, "-m", "bot", *words]
    subprocess.run(command, check=True, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL)
    return {
        name: 1000 * (time.perf_counter() - began),
        f"{name}, processor time": 1000 * (_children_seconds() - spent),
    }


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
