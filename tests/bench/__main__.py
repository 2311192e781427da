"""`make bench`: figures, measured side by side in one run; nothing here passes or fails a build.
Arguments select benchmarks by name, and BENCH_ROUNDS sets the number of rounds for the medians.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final

import structlog

from tests.bench import (
    audit_chain,
    command_line,
    day,
    deliveries,
    digests,
    processes,
    redaction,
    relay,
    rights,
    waveform,
)
from tests.bench.rows import ROUNDS, Row, machine

Bench = Callable[[], Awaitable[list[Row] | None]]

BENCHES: Final[dict[str, tuple[str, Bench]]] = {
    "deliveries": ("A delivery, compared with a simple bot", deliveries.run),
    "relay": ("One large recording through the relay", relay.run),
    "waveform": ("The same recording with and without its waveform", waveform.run),
    "redaction": ("The same recording held against the raw one", redaction.run),
    "processes": ("Several processes on one PostgreSQL", processes.run),
    "commands": ("What a command of the command line takes", command_line.run),
    "decision": ("The decision's own work", rights.run),
    "audit": ("The audit chain", audit_chain.run),
    "day": ("A day in fast-forward, through one process", day.run),
    "digest": ("A digest of a million conversations", digests.run),
}


def main(names: list[str]) -> None:
    """Run the benchmarks, and print the results as a table and then as JSON."""
    if unknown := set(names) - BENCHES.keys():
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    print(f"{machine()}; everything on loopback, stand-ins in their own process")
    print(f"Medians of {ROUNDS} rounds, taken in turns. All of it takes about 40 minutes.")
    found: dict[str, list[dict[str, object]]] = {}
    for name in names or BENCHES:
        words, bench = BENCHES[name]
        print(f"\n{words} ({name})", flush=True)
        began = time.perf_counter()
        rows = asyncio.run(bench()) or []
        for row in rows:
            print(row.told())
        print(f"  took {time.perf_counter() - began:.0f} s", flush=True)
        found[name] = [asdict(row) for row in rows]
    print(f"\n{json.dumps({'machine': machine(), 'rounds': ROUNDS, 'rows': found})}")


if __name__ == "__main__":
    main(sys.argv[1:])
