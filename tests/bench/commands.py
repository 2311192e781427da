"""Two hundred commands at once on SQLite: how soon people are answered, how soon they hear."""

import asyncio
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, select

from bot.sandbox.polyai_calls import Recording
from bot.store.database import async_url
from bot.store.schema import upgrade
from bot.store.tables import DeliveryRow
from tests.scenarios.killed_bot import Nursery, Street, open_street
from tests.scenarios.scene import ALICE, CHANNEL

COMMANDS = 200
SLACK_WAITS_SECONDS = 3.0


async def run() -> None:
    """Measure acks, and then deliveries."""
    with tempfile.TemporaryDirectory() as folder, Nursery() as nursery:
        url = f"sqlite:///{folder}/callaudio.db"
        upgrade(async_url(url))
        async with open_street(nursery, Path(folder), database_url=url) as street:
            await street.start()
            await street.scene.ask()
            await at_once(street)


async def at_once(street: Street) -> None:
    """Type every command in the same instant."""
    scene = street.scene
    calls = [scene.another_call(recording=Recording.synthetic(190_000)) for _ in range(COMMANDS)]
    began = time.perf_counter()
    acks = await asyncio.gather(*(scene.people.command(ALICE, CHANNEL, call) for call in calls))
    acked = time.perf_counter() - began
    await all_ended(street, COMMANDS + 1)
    seconds = time.perf_counter() - began
    taken = sorted(ack.seconds for ack in acks)
    late = sum(each > SLACK_WAITS_SECONDS for each in taken)
    p50, p99 = taken[COMMANDS // 2], taken[COMMANDS * 99 // 100]
    print(
        f"  acks: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {taken[-1] * 1000:.0f} ms,"
        f" {late} later than Slack waits (all {COMMANDS} in {acked:.1f} s)"
    )
    print(f"  deliveries: {COMMANDS / seconds:.1f} per second, all visible after {seconds:.1f} s")


async def all_ended(street: Street, count: int) -> None:
    """Wait until every delivery has ended."""
    query = select(func.count()).where(DeliveryRow.ended_at.is_not(None))
    while True:
        async with street.scene.stage.application.database.read() as session:
            if await session.scalar(query) == count:
                return
        await asyncio.sleep(0.1)
