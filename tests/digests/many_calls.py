"""A period of any number of made-up conversations. As a script,
`python -m tests.digests.many_calls 1000000` reports on them with the product's reporter and prints
one JSON object: the figures, and the growth of the process.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.digests.calls_report import CallsReporter
from bot.digests.digest import Period
from bot.digests.report import Figures
from bot.observability.logs import configure_logging
from bot.polyai.agents import Agent
from bot.polyai.normalization import CallSummary
from tests.digests.builders import AGENTS, LONDON, digest
from tests.digests.plain_figures import plain_figures

MIB = 2**20
PAGE = 1000
# A week in London in which the clock goes back.
SINCE = datetime(2026, 10, 19, 23, tzinfo=UTC)
UNTIL = datetime(2026, 10, 27, 0, tzinfo=UTC)
PERIOD = Period(SINCE, UNTIL, LONDON)
SECONDS = int((UNTIL - SINCE).total_seconds())
REASONS = (*(f"reason {n}" for n in range(40)), None)


def made_up(number: int, since: datetime) -> CallSummary:
    """A conversation whose facts look independent of each other, always the same for a number."""
    dice = number * 2_654_435_761 % 2**32
    handoff = dice % 6 == 0
    return CallSummary(
        conversation_id=f"CA{number:032x}",
        started_at=since + timedelta(seconds=dice % SECONDS),
        channel="WEBCHAT" if dice % 11 == 0 else "VOICE-SIP",
        length_seconds=dice // 7 % 1800,
        direction="outbound" if dice % 5 < 2 else "inbound",
        in_progress=False,
        handoff=handoff,
        handoff_reason=REASONS[dice // 13 % len(REASONS)] if handoff else None,
        masked_caller="+44•••••••90",
        silences=dice // 17 % 6,
        turns=dice // 19 % 12,
    )


class ManyCalls:
    """A source that makes each conversation up when it is read, equally many in both periods."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def between(
        self, agent: Agent, since: datetime, until: datetime
    ) -> AsyncIterator[CallSummary]:
        del agent, until
        for number in range(self._count):
            if number % PAGE == 0:
                await asyncio.sleep(0)  # where a real source waits for a page
            yield made_up(number, since)


def told(figures: Figures) -> Any:
    return json.loads(json.dumps(asdict(figures), default=str))


def expected(count: int) -> Any:
    """The same figures, computed from the whole list."""
    return told(plain_figures([made_up(number, SINCE) for number in range(count)], LONDON))


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
    found = {
        "figures": told(made.figures),
        "before": made.before.conversations if made.before else None,
        "growth_bytes": max(0, most_resident() - before),
        "seconds": seconds,
        "notable": len(made.notable),
    }
    print(json.dumps(found))  # noqa: T201 - what a script is for


if __name__ == "__main__":
    asyncio.run(report(int(sys.argv[1])))
