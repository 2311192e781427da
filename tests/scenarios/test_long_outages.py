"""Database outages longer than a lease, wrong clocks, and claims with unanswered commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import select

from bot.sandbox.faults import Fault
from bot.store.tables import DueWorkRow
from bot.wiring.application import Roles
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.ports import free_port
from tests.scenarios.killed_bot import QUICK, Bot, Nursery, Street, open_street
from tests.scenarios.scene import ALICE, CHANNEL
from tests.tcp_relay import DatabaseRelay

LISTENER = Roles(listens=True, works=False)
WORKER = Roles(listens=False, works=True)
OUTAGE_SECONDS = QUICK.lease.total_seconds() + 1.5
COMMANDS = 9
SIGNS_OF_DEATH = ("work_taken_over", "lease_lost", "work_given_up", "Traceback")


@asynccontextmanager
async def street_through(
    nursery: Nursery, url: str, folder: Path
) -> AsyncIterator[tuple[Street, DatabaseRelay]]:
    async with (
        open_street(nursery, folder, database_url=url) as street,
        DatabaseRelay(url) as relay,
    ):
        street.environment["DATABASE_URL"] = relay.url
        await street.start(LISTENER)
        yield street, relay


async def workers(street: Street, *clocks_ahead_seconds: float) -> list[Bot]:
    return [
        await street.start(WORKER, port=free_port(), clock_ahead_seconds=seconds)
        for seconds in clocks_ahead_seconds
    ]


async def ask(street: Street, times: int = COMMANDS) -> list[str]:
    calls = [street.scene.another_call() for _ in range(times)]
    people = street.scene.people
    acks = await asyncio.gather(*(people.command(ALICE, CHANNEL, call) for call in calls))
    assert all("Got it" in ack.text for ack in acks)
    return calls


async def is_idle(street: Street) -> bool:
    """Return whether the work with which every worker begins is done."""
    row = DueWorkRow
    due = select(row.key).where(row.claim.is_not(None) | (row.due_at <= utc_now()))
    async with street.scene.stage.application.database.read() as session:
        return await session.scalar(due.limit(1)) is None


async def assert_each_came_once(street: Street, calls: list[str]) -> None:
    scene = street.scene
    for delivery in await scene.deliveries():
        await scene.ended(delivery.id)
    names = sorted(file.name for file in scene.every_visible_file())
    assert names == sorted(f"{call}-redacted.wav" for call in calls)
    assert {file.completed_times for file in scene.every_visible_file()} == {1}


async def test_an_outage_longer_than_a_lease_ends_no_worker_and_moves_no_work(
    nursery, migrated_postgresql, tmp_path
):
    async with street_through(nursery, migrated_postgresql(), tmp_path) as (street, relay):
        three = await workers(street, 0, 0, 0)
        street.scene.slack.faults.add(Fault("upload", hang=True, times=3))
        calls = await ask(street)
        await street.scene.slack.faults.reached("upload", times=3)
        relay.is_open = False
        await relay.cut()
        await asyncio.sleep(OUTAGE_SECONDS)
        relay.is_open = True
        street.scene.slack.faults.release_all()

        await assert_each_came_once(street, calls)
        assert all(bot.is_alive for bot in three)
        broken = [line for line in street.logs.splitlines() if "Traceback" in line]
        assert broken == []
        assert not [sign for sign in SIGNS_OF_DEATH if sign in street.logs]
        for bot in three:
            away = [line for line in bot.log.read_text().splitlines() if "database_away" in line]
            assert 1 <= len(away) <= 3, "one line a minute for each cause"


async def test_clocks_that_are_half_a_minute_wrong_change_nothing(
    nursery, migrated_postgresql, tmp_path
):
    async with street_through(nursery, migrated_postgresql(), tmp_path) as (street, _):
        three = await workers(street, 0, 30, -30)
        # Longer than a lease, so that each is renewed and none seems to have expired.
        street.scene.slack.faults.everywhere = Fault("*", delay_seconds=0.4)
        calls = await ask(street)

        await assert_each_came_once(street, calls)
        assert all(bot.is_alive for bot in three)
        assert not [sign for sign in SIGNS_OF_DEATH if sign in street.logs]


async def test_a_claim_with_an_unanswered_commit_runs_within_seconds(
    nursery, migrated_postgresql, tmp_path
):
    async with street_through(nursery, migrated_postgresql(), tmp_path) as (street, relay):
        (worker,) = await workers(street, 0)
        await until(lambda: is_idle(street), every_seconds=0.1)
        relay.loses_commit_of = b"takeovers=(due_work.takeovers +"

        calls = await ask(street, times=1)

        await until(lambda: relay.loses_commit_of is None)
        await assert_each_came_once(street, calls)
        assert worker.is_alive
        assert "work_taken_over" in worker.log.read_text()
