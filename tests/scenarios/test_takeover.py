"""Several workers on one PostgreSQL: work left by one is finished by another, once."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from sqlalchemy import select, text

from bot.cli.stage import open_stage
from bot.jobs.sqlite_worker_lock import SecondWorkerRefused
from bot.sandbox.faults import Fault
from bot.settings.database_url import for_drivers
from bot.store.tables import DueWorkRow
from tests.pgbouncer import needs_pgbouncer, pooled
from tests.polling import until
from tests.postgresql import END_OTHER_SESSIONS
from tests.scenarios.conftest import street_on_postgresql
from tests.scenarios.killed_bot import LISTENER, WORKER, Street
from tests.scenarios.scene import ALICE, CALL, CHANNEL
from tests.scenarios.test_killed import assert_delivered_exactly_once


@pytest.fixture(params=["direct", pytest.param("pooled", marks=needs_pgbouncer)])
def shared_url(
    request: pytest.FixtureRequest, migrated_postgresql: Callable[[], str]
) -> Iterator[str]:
    """The same database, directly and behind a pooler in transaction mode.

    There no notification arrives, so a worker finds work when it looks.
    """
    url = migrated_postgresql()
    with pooled(url) if request.param == "pooled" else nullcontext() as pooled_url:
        yield for_drivers(pooled_url) if pooled_url else url


@pytest.mark.parametrize(
    ("route", "when"),
    [
        pytest.param("users.info", "before", marks=pytest.mark.long),
        pytest.param("upload", "before", marks=pytest.mark.long),
        ("files.completeUploadExternal", "after"),
    ],
)
@street_on_postgresql
async def test_work_of_a_killed_worker_is_finished_by_another_exactly_once(street, route, when):
    street.scene.workspace.scopes.add("groups:history")
    await street.scene.grant()
    street.scene.slack.faults.add(Fault(route, when=when, hang=True))
    await street.start(LISTENER)
    first = await street.start(WORKER)
    await ask(street)
    await street.scene.slack.faults.reached(route)
    await first.kill()
    street.scene.slack.faults.release(route)

    second = await street.start(WORKER)

    await assert_delivered_exactly_once(street, raw=True)
    assert "work_taken_over" in second.log.read_text()
    await until_no_work_is_left(street)


@pytest.mark.parametrize(
    "route", [pytest.param("upload", marks=pytest.mark.long), "files.completeUploadExternal"]
)
@street_on_postgresql
async def test_a_stalled_worker_that_was_replaced_changes_nothing_and_continues(street, route):
    await street.scene.grant()
    street.scene.slack.faults.add(Fault(route, when="after", hang=True))
    await street.start(LISTENER)
    still = await street.start(WORKER)
    await ask(street)
    await street.scene.slack.faults.reached(route)
    still.signal(signal.SIGSTOP)
    other = await street.start(WORKER)
    await assert_delivered_exactly_once(street, raw=True)

    street.scene.slack.faults.release(route)
    still.signal(signal.SIGCONT)
    await until(lambda: "lease_lost" in still.log.read_text())

    await assert_delivered_exactly_once(street, raw=True)
    await other.kill()
    call = street.scene.another_call()
    ack = await street.scene.people.command(ALICE, CHANNEL, call)
    assert "Got it" in ack.text
    await street.scene.ended(await street.scene.latest())
    assert f"{call}-raw.wav" in [file.name for file in street.scene.every_visible_file()]
    assert still.is_alive


@street_on_postgresql
async def test_a_card_posted_by_a_worker_without_its_lease_is_withdrawn(street):
    street.scene.slack.faults.add(Fault("chat.postMessage", when="after", hang=True))
    await street.start(LISTENER)
    still = await street.start(WORKER)
    await ask(street)
    await street.scene.slack.faults.reached("chat.postMessage")
    still.signal(signal.SIGSTOP)
    await street.start(WORKER)
    delivery = await street.scene.ended(await street.scene.latest())
    still.signal(signal.SIGCONT)
    await until(lambda: "lease_lost" in still.log.read_text())

    street.scene.slack.faults.release("chat.postMessage")

    def cards() -> list[str]:
        messages = street.scene.workspace.messages(CHANNEL)
        return [message.ts for message in messages if message.thread_ts is None]

    await until(lambda: cards() == [delivery.parent_ts])


@street_on_postgresql
async def test_a_worker_that_stops_regularly_hands_its_work_over_at_once(street):
    await street.scene.grant()
    await street.start(LISTENER)
    first = await street.start(WORKER)
    street.scene.slack.faults.add(Fault("upload", delay_seconds=2.5))
    await ask(street)
    await street.scene.slack.faults.reached("upload")

    first.signal(signal.SIGTERM)
    await first.is_gone()

    # It drained its work for longer than a lease.
    await assert_delivered_exactly_once(street, raw=True)
    assert "Traceback" not in first.log.read_text()
    await street.start(WORKER)
    await until_no_work_is_left(street)


async def test_two_workers_share_the_work_and_nothing_arrives_twice(new_street, shared_url):
    async with new_street(database_url=shared_url) as street:
        await street.start(LISTENER)
        for _ in range(2):
            await street.start(WORKER)
        calls = [street.scene.another_call() for _ in range(12)]

        await asyncio.gather(*(street.scene.people.command(ALICE, CHANNEL, call) for call in calls))
        await street.scene.all_ended()

        names = [file.name for file in street.scene.every_visible_file()]
        assert sorted(names) == [f"{call}-redacted.wav" for call in calls]
        assert [f.completed_times for f in street.scene.workspace.recordings] == [1] * len(calls)
        assert "prepared statement" not in street.logs


@street_on_postgresql
async def test_a_database_that_cuts_every_connection_only_costs_time(street):
    await street.scene.grant()
    bot = await street.start()
    street.scene.slack.faults.add(Fault("upload", when="after", hang=True))
    await ask(street)
    await street.scene.slack.faults.reached("upload")
    async with street.scene.database.read() as session:
        await session.execute(text(END_OTHER_SESSIONS))
    street.scene.slack.faults.release("upload")

    await assert_delivered_exactly_once(street, raw=True)
    assert bot.is_alive


@pytest.mark.parametrize("name", ["{}/callaudio.db", "{}/link.db", "file:{}/callaudio.db?uri=true"])
async def test_a_second_worker_on_one_sqlite_file_is_refused(new_scene, tmp_path, name):
    (tmp_path / "link.db").symlink_to("callaudio.db")
    async with new_scene():
        with pytest.raises(SecondWorkerRefused):
            async with open_stage(f"sqlite:///{name.format(tmp_path)}"):
                raise AssertionError


async def ask(street: Street) -> None:
    ack = await street.scene.people.command(ALICE, CHANNEL, CALL)
    assert "Got it" in ack.text


async def until_no_work_is_left(street: Street) -> None:
    async def is_none_left() -> bool:
        return not await street.scene.stored(select(DueWorkRow.key).filter_by(kind="deliver"))

    await until(is_none_left, every_seconds=0.05)
