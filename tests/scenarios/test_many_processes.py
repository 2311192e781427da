"""Two web and two worker processes on one PostgreSQL while rights change: no deadlock.

Checked by what people see, and by PostgreSQL's own count of deadlocks.
"""

import asyncio
import signal
from collections import Counter

import psycopg
import pytest

from bot.cli.loopback_server import LOOPBACK
from bot.errors import Unexpected
from bot.sandbox.delivery import Ack
from bot.sandbox.person import SlackClientSide
from bot.sandbox.polyai_calls import Recording
from tests.ports import free_port
from tests.scenarios.killed_bot import LISTENER, WORKER, Street
from tests.scenarios.scene import ALICE, BOSS, CHANNEL
from tests.scenarios.test_many_at_once import everything_ended

PEOPLE = [f"U0PERSON{number:03d}" for number in range(10)]


@pytest.mark.parametrize("commands", [12, pytest.param(500, marks=pytest.mark.long)])
async def test_many_commands_while_rights_change_cause_no_deadlock_and_no_unexpected_error(
    commands, new_street, migrated_postgresql
):
    url = migrated_postgresql()
    deadlocks_before = deadlocks(url)
    async with new_street(database_url=url) as street:
        street.environment["CALLAUDIO_ADMINS"] = BOSS
        sides = await listeners(street)
        for _ in range(2):
            await street.start(WORKER)
        scene = street.scene
        for user_id in PEOPLE:
            scene.workspace.add_user(user_id)
        scene.workspace.add_channel(CHANNEL, members=[ALICE, *PEOPLE], is_private=True)
        recording = Recording.synthetic(20_000)
        calls = [scene.another_call(recording=recording) for _ in range(commands)]

        said, acks = await asyncio.gather(change_rights(sides, commands // 4), ask(sides, calls))
        # Slack sends the same command twice, to either process.
        await asyncio.gather(*(both(sides, call) for call in calls[:10]))
        await everything_ended(scene, commands + 10, longest_seconds=90 + commands)

        assert all("Got it" in ack.text for ack in acks)
        told = [*said, *acks, *scene.workspace.ephemerals, *scene.everything_posted()]
        assert [each.text for each in told if Unexpected.what in each.text] == []
        files = Counter(file.name.rsplit("-", 1)[0] for file in scene.every_visible_file())
        asked_again = set(calls[:10])
        assert set(files) == set(calls)
        assert all(count == 1 + (call in asked_again) for call, count in files.items())
        for bot in street.bots:
            bot.signal(signal.SIGTERM)
        for bot in street.bots:
            await bot.is_gone()
        assert "Traceback" not in street.logs
        assert deadlocks(url) == deadlocks_before


async def listeners(street: Street) -> list[SlackClientSide]:
    """Start two processes; returns the people's side of each."""
    second = free_port()
    await street.start(LISTENER)
    await street.start(LISTENER, port=second)
    origin = f"http://{LOOPBACK}:{second}"
    other = SlackClientSide(street.scene.workspace, f"{origin}/slack/events")
    return [street.scene.people, other]


async def ask(sides: list[SlackClientSide], calls: list[str]) -> list[Ack]:
    at_once = asyncio.Semaphore(40)

    async def one(number: int, call: str) -> Ack:
        async with at_once:
            person = PEOPLE[number % len(PEOPLE)]
            return await sides[number % 2].command(person, CHANNEL, call)

    return await asyncio.gather(*(one(number, call) for number, call in enumerate(calls)))


async def both(sides: list[SlackClientSide], call: str) -> None:
    text = f"{call} redacted"
    trigger_id = sides[0].workspace.issue_trigger(ALICE)
    await asyncio.gather(
        *(side.command(ALICE, CHANNEL, text, trigger_id=trigger_id) for side in sides)
    )


async def change_rights(sides: list[SlackClientSide], times: int) -> list[Ack]:
    changes = [
        (sides[number % 2], text)
        for number in range(times)
        for person in [PEOPLE[number % len(PEOPLE)]]
        for text in (f"grant <@{person}> pii for 1h listening", f"revoke <@{person}> pii")
    ]
    return [
        await side.command(BOSS, CHANNEL, text, command="/callaudio-admin")
        for side, text in changes
    ]


def deadlocks(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        row = connection.execute(query).fetchone()
    assert row
    return int(row[0])
