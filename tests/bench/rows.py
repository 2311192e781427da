"""One row of the bench's table: the measurements side by side, and the goal."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "5"))
OURS: Final = "callaudio"


@dataclass(frozen=True)
class Row:
    """Medians of the contestants, the product's under ``OURS``; ``goal`` in words."""

    words: str
    unit: str
    medians: Mapping[str, float]
    goal: str = ""

    def told(self) -> str:
        """Format it as a line of the table, with the product's ratio to each of the others."""
        ours = self.medians[OURS]
        others = {name: value for name, value in self.medians.items() if name != OURS}
        beside = ", ".join(
            f"{name} {value:.1f}" + (f" (x {ours / value:.2f})" if value else "")
            for name, value in others.items()
        )
        goal = f"goal {self.goal}" if self.goal else ""
        return f"  {self.words:<44} {ours:>9.1f} {self.unit:<12} {beside:<44} {goal}".rstrip()


def medians(rounds: Mapping[str, Sequence[Mapping[str, float]]], key: str) -> dict[str, float]:
    """Return each contestant's median of one figure."""
    return {
        name: statistics.median(each[key] for each in told)
        for name, told in rounds.items()
        if all(key in each for each in told)
    }


def machine() -> str:
    """Describe the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.partition(": ")[2] for line in lines if line.startswith("model name")}
    memory = Path("/proc/meminfo").read_text().split()[1]
    return (
        f"{os.cpu_count()} x {', '.join(models) or platform.machine()}, "
        f"{int(memory) / 2**20:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )
