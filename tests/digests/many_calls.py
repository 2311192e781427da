"""A period of any number of made-up conversations, in columns, and their expected figures. As a
script, `python -m tests.digests.many_calls 1000000` reports on them with the product's reporter and
prints one JSON object: the figures, and the growth of the process.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from bot.digests.calls_report import CallsReporter
from bot.digests.digest import Period
from bot.digests.report import Figures
from bot.observability.logs import configure_logging
from bot.polyai.agents import Agent
from bot.polyai.normalization import CallSummary
from tests.digests.builders import AGENTS, digest

MIB = 2**20
PAGE = 1000
SEED = 20_261_025
# A week in London in which the clock goes back, at 01:00 UTC on the Sunday.
SINCE = datetime(2026, 10, 19, 23, tzinfo=UTC)
CLOCK_BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
UNTIL = datetime(2026, 10, 27, 0, tzinfo=UTC)
PERIOD = Period(SINCE, UNTIL, ZoneInfo("Europe/London"))
CHANNELS = ("VOICE-SIP", "WEBCHAT")
REASONS = (*(f"reason {n}" for n in range(40)), None)


@dataclass(frozen=True)
class Columns:
    """One page of conversations, or all of them."""

    second: Any
    length: Any
    channel: Any
    outbound: Any
    handoff: Any
    reason: Any
    silences: Any
    turns: Any

    @classmethod
    def page(cls, number: int, size: int, seed: int) -> "Columns":
        rng = np.random.default_rng((seed, number))
        seconds = int((UNTIL - SINCE).total_seconds())
        return cls(
            # Most in the middle of the period, so that no two hours are alike.
            second=(rng.beta(2, 3, size) * seconds).astype(np.int64),
            length=np.minimum(rng.lognormal(4.5, 1.2, size), 600_000).astype(np.int64),
            channel=(rng.random(size) < 0.1).astype(np.int64),
            outbound=rng.random(size) < 0.3,
            handoff=rng.random(size) < 0.17,
            reason=np.minimum(rng.geometric(0.2, size) - 1, len(REASONS) - 1),
            silences=rng.integers(0, 6, size),
            turns=rng.integers(0, 12, size),
        )


def pages(count: int, seed: int) -> Iterator[tuple[int, Columns]]:
    for number, first in enumerate(range(0, count, PAGE)):
        yield first, Columns.page(number, min(PAGE, count - first), seed)


class ManyCalls:
    """A source that generates each page when it is read, and equal numbers for both periods."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def between(
        self, agent: Agent, since: datetime, until: datetime
    ) -> AsyncIterator[CallSummary]:
        del agent, until
        for first, page in pages(self._count, SEED + (since != SINCE)):
            await asyncio.sleep(0)  # where a real source waits for a page
            for row in range(len(page.second)):
                handoff = bool(page.handoff[row])
                yield CallSummary(
                    conversation_id=f"CA{first + row:032x}",
                    started_at=since + timedelta(seconds=int(page.second[row])),
                    channel=CHANNELS[page.channel[row]],
                    length_seconds=int(page.length[row]),
                    direction="outbound" if page.outbound[row] else "inbound",
                    in_progress=False,
                    handoff=handoff,
                    handoff_reason=REASONS[page.reason[row]] if handoff else None,
                    masked_caller="+44•••••••90",
                    silences=int(page.silences[row]),
                    turns=int(page.turns[row]),
                )


def expected(count: int) -> dict[str, Any]:
    """The same figures from whole columns, computed by NumPy."""
    parts = [page for _, page in pages(count, SEED)]

    def whole(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    spoken = whole("channel") == 0
    length, handoff, outbound = (whole(name)[spoken] for name in ("length", "handoff", "outbound"))
    silences, turns = whole("silences")[spoken], whole("turns")[spoken]
    reasons = np.bincount(whole("reason")[spoken][handoff], minlength=len(REASONS))
    named = [(name, int(n)) for name, n in zip(REASONS, reasons, strict=True) if name and n]
    second = whole("second")
    # London is an hour ahead of UTC until the clock goes back; the period begins at midnight there.
    is_summer = second < (CLOCK_BACK - SINCE).total_seconds()
    hours = ((second + np.where(is_summer, 0, -3600)) // 3600) % 24
    by_instant = np.bincount(second // 3600)
    return {
        "conversations": count,
        "chats": int((~spoken).sum()),
        "timed": int(spoken.sum()),
        "total_seconds": int(length.sum()),
        "median_seconds": float(np.median(length)),
        "longest": int(length.max()),
        "shortest": int(length.min()),
        "inbound": int((~outbound).sum()),
        "outbound": int(outbound.sum()),
        "handoffs": int(handoff.sum()),
        "reasons": sorted(named, key=lambda item: (-item[1], item[0])),
        "other_handoffs": int(reasons[-1]),
        "silent": int(((turns > 0) & (silences >= turns)).sum()),
        "cut_short": int((length <= 10).sum()),
        "hours": np.bincount(hours, minlength=24).tolist(),
        "busiest": [
            (SINCE + timedelta(hours=int(by_instant.argmax()))).timestamp(),
            int(by_instant.max()),
        ],
    }


def told(figures: Figures) -> dict[str, Any]:
    """Return the product's figures in the same form."""
    return {
        **{
            name: getattr(figures, name)
            for name in (
                *("conversations", "chats", "timed", "total_seconds", "median_seconds"),
                *("inbound", "outbound", "handoffs", "other_handoffs", "silent", "cut_short"),
            )
        },
        "longest": figures.longest.length_seconds if figures.longest else None,
        "shortest": figures.shortest.length_seconds if figures.shortest else None,
        "reasons": [(each.name, each.count) for each in figures.reasons],
        "hours": list(figures.hours),
        "busiest": [figures.busiest.starts_at.timestamp(), figures.busiest.conversations]
        if figures.busiest
        else None,
    }


def resident() -> int:
    pages_resident = int(Path("/proc/self/statm").read_text().split()[1])
    return pages_resident * os.sysconf("SC_PAGE_SIZE")


def most_resident() -> int:
    """The peak memory of this process; unlike that of getrusage, it is not inherited."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def report(count: int) -> None:
    configure_logging("json")
    reporter = CallsReporter(source=ManyCalls(count), agents=AGENTS)
    before, began = resident(), time.perf_counter()
    made = await reporter.report(digest(), PERIOD)
    seconds = time.perf_counter() - began
    growth = max(0, most_resident() - before)
    print(  # noqa: T201 - what a script is for
        json.dumps(
            {
                "figures": told(made.figures),
                "before": made.before.conversations if made.before else None,
                "growth_bytes": growth,
                "seconds": seconds,
                "notable": len(made.notable),
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(report(int(sys.argv[1])))
