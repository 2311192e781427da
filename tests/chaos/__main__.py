"""`make chaos`: a run of minutes with a PostgreSQL of its own; prints its seed and the verdict."""

import argparse
import asyncio
import collections
import random
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from bot.store.engines import async_url
from bot.store.schema import upgrade
from tests.chaos.run import Outcome, Plan, chaos, report_of_findings
from tests.postgresql import Databases, Watcher, start_server
from tests.scenarios.killed_bot import Nursery


def main() -> int:
    plan = _plan()
    print(f"SEED={plan.seed} SECONDS={plan.seconds:g}", flush=True)
    watcher = Watcher()
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="callaudio-chaos-") as folder:
            outcome = asyncio.run(_run(plan, Path(folder)))
            _tell(plan, outcome, time.monotonic() - began)
    finally:
        watcher.close()
    return 1 if outcome.findings else 0


def _plan() -> Plan:
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--seconds", type=float, default=120.0)
    options.add_argument("--webs", type=int, default=4)
    options.add_argument("--workers", type=int, default=4)
    options.add_argument("--rate", type=float, default=2.0, help="what people do in a second")
    told = options.parse_args()
    return Plan(told.seed, told.seconds, told.webs, told.workers, told.rate)


async def _run(plan: Plan, folder: Path) -> Outcome:
    server = await asyncio.to_thread(start_server)
    url = await asyncio.to_thread(Databases(server).migrated)
    _keep_what_is_committed(url)

    async def restart() -> None:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)

    template = folder / "template"
    template.mkdir()
    await asyncio.to_thread(upgrade, async_url(f"sqlite:///{template}/callaudio.db"))
    with Nursery(template) as nursery:
        return await chaos(plan, nursery, url, folder / "run", restart)


def _keep_what_is_committed(url: str) -> None:
    """Undo a setting of the tests: here the server itself is ended."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")


def _tell(plan: Plan, outcome: Outcome, seconds: float) -> None:
    story = outcome.story
    taken = sum(each.was_taken for each in story.asked.values())
    for line in story.events:
        print(line)
    print(
        f"{len(story.asked)} commands, {taken} taken, {len(story.pressed)} presses,"
        f" {len(story.digests)} digests, {len(outcome.logs)} starts, {seconds:.0f} s"
    )
    for line in report_of_findings(outcome):
        print(line)
    broken = collections.Counter(
        line[:160]
        for log in outcome.logs
        for line in log.read_text().splitlines()
        if '"level": "error"' in line
    )
    for line, times in broken.most_common(10):
        print(f"LOGGED {times} x {line}")
    count = len(outcome.findings)
    print(f"SEED={plan.seed}: {f'{count} findings' if count else 'nothing lost, nothing twice'}")


if __name__ == "__main__":
    sys.exit(main())
