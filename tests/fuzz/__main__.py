"""Fuzz the parsers with atheris: ``python -m tests.fuzz [--runs N] [--seed S] [target …]``.

Each target runs in a process of its own, as libFuzzer ends its process. A finding prints the bytes
that cause it, to become a seed of the target; the exit code says whether there was one.
"""

import argparse
import sys
import tempfile
from subprocess import run
from time import monotonic

from tests.fuzz.targets import targets


def main() -> int:
    """Run the chosen targets one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"of {', '.join(targets())}; all by default")
    parser.add_argument("--runs", type=int, default=100_000, help="executions of each target")
    parser.add_argument("--seed", type=int, default=1, help="of the first random number")
    chosen = parser.parse_args()
    names = chosen.target or list(targets())
    return max([_fuzzed_in_a_process(name, chosen.runs, chosen.seed) for name in names])


def _fuzzed_in_a_process(name: str, runs: int, seed: int) -> int:
    began = monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ended = run(
            [sys.executable, "-m", "tests.fuzz.one_target", name, folder, str(runs), str(seed)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    seconds = monotonic() - began
    if ended.returncode == 0:
        print(f"{name}: {runs:,} executions in {seconds:.0f} s, no finding")
        return 0
    print(
        f"{name}: a finding after {seconds:.0f} s\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
