"""Database outages longer than a lease, wrong clocks, unanswered commits, and idle connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from bot.sandbox.faults import Fault
from tests.polling import until
from tests.scenarios.conftest import OpenStreet
from tests.scenarios.killed_bot import LISTENER, QUICK, WORKER, Bot, Street
from tests.scenarios.scene import ALICE, CHANNEL
from tests.tcp_relay import DatabaseRelay, HttpRelay

OUTAGE_SECONDS = QUICK.lease.total_seconds() + 1.5
COMMANDS = 9
CUT_AFTER_SECONDS = 5.0
SOON_MS = 4_000
"""From the command to its end; a worker that heard of nothing would look five seconds later."""
SIGNS_OF_DEATH = ("work_taken_over", "lease_lost", "work_given_up", "Traceback")


@pytest.fixture
def database_url(migrated_postgresql: Callable[[], str]) -> str:
    return migrated_postgresql()


@pytest.fixture
async def relay(database_url: str) -> AsyncIterator[DatabaseRelay]:
    async with DatabaseRelay(database_url) as relay:
        yield relay


@pytest.fixture
async def street(
    new_street: OpenStreet, database_url: str, relay: DatabaseRelay
) -> AsyncIterator[Street]:
    async with new_street(database_url=database_url) as street:
        street.environment["DATABASE_URL"] = relay.url
        await street.start(LISTENER)
        yield street


async def workers(street: Street, *clocks_ahead_seconds: float) -> list[Bot]:
    return [
        await street.start(WORKER, clock_ahead_seconds=seconds) for seconds in clocks_ahead_seconds
    ]


async def ask(street: Street, times: int = COMMANDS) -> list[str]:
    calls = [street.scene.another_call() for _ in range(times)]
    people = street.scene.people
    acks = await asyncio.gather(*(people.command(ALICE, CHANNEL, call) for call in calls))
    assert all("Got it" in ack.text for ack in acks)
    return calls


async def assert_each_came_once(street: Street, calls: list[str]) -> None:
    scene = street.scene
    await scene.all_ended()
    names = sorted(file.name for file in scene.every_visible_file())
    assert names == sorted(f"{call}-redacted.wav" for call in calls)
    assert {file.completed_times for file in scene.every_visible_file()} == {1}


async def test_an_outage_longer_than_a_lease_ends_no_worker_and_moves_no_work(street, relay):
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


async def test_clocks_that_are_half_a_minute_wrong_change_nothing(street):
    three = await workers(street, 0, 30, -30)
    # Longer than a lease, so that each is renewed and none seems to have expired.
    street.scene.slack.faults.everywhere = Fault("*", delay_seconds=0.4)
    calls = await ask(street)

    await assert_each_came_once(street, calls)
    assert all(bot.is_alive for bot in three)
    assert not [sign for sign in SIGNS_OF_DEATH if sign in street.logs]


async def test_a_claim_with_an_unanswered_commit_runs_within_seconds(street, relay):
    (worker,) = await workers(street, 0)
    await street.scene.rest()  # the work with which every worker begins is done
    relay.loses_commit_of = b"takeovers=(due_work.takeovers +"

    calls = await ask(street, times=1)

    await until(lambda: relay.loses_commit_of is None)
    await assert_each_came_once(street, calls)
    assert worker.is_alive
    assert "work_taken_over" in worker.log.read_text()


@pytest.mark.long
async def test_behind_load_balancers_that_cut_idle_connections_each_command_is_delivered_as_usual(
    migrated_postgresql, new_street
):
    url = migrated_postgresql()
    async with AsyncExitStack() as stack:
        street = await stack.enter_async_context(new_street(database_url=url))
        scene = street.scene
        database = await stack.enter_async_context(DatabaseRelay(url))
        slack = await stack.enter_async_context(HttpRelay(scene.slack.origin))
        polyai = await stack.enter_async_context(HttpRelay(scene.polyai.origin))
        for relay in (database, slack, polyai):
            relay.idle_seconds = CUT_AFTER_SECONDS
        scene.workspace.origin = slack.origin
        street.environment |= {
            "DATABASE_URL": database.url,
            "SLACK_API_URL": f"{slack.origin}/api/",
            "POLYAI_API_URL": scene.polyai.url.replace(scene.polyai.origin, polyai.origin),
        }
        await street.start(LISTENER)
        await street.start(WORKER)
        for pause in range(1, 4):
            cuts = database.idle_cuts
            seen = await scene.ask(scene.another_call())

            assert "Got it" in seen.ack.text
            assert seen.delivery.state == "delivered"
            assert seen.delivery.ended_at is not None
            took = seen.delivery.ended_at - seen.delivery.requested_at
            assert took.total_seconds() * 1000 < SOON_MS, pause
            await until(lambda: slack.connections == polyai.connections == 0)
            await until(lambda cuts=cuts: database.idle_cuts > cuts + 2)
        assert [file.completed_times for file in scene.workspace.recordings] == [1, 1, 1]
        assert {e.user for e in scene.workspace.ephemerals} == {ALICE}
        assert {e.channel for e in scene.workspace.ephemerals} == {CHANNEL}
        for sign in ("Traceback", "slack_answer_lost", "slack_unclear", "attempt_failed"):
            assert sign not in street.logs
