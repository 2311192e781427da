"""A verification reads one state of the store, while a bot writes and seals."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from bot.audit import stored
from bot.audit.findings import ChainFault
from bot.audit.snapshot import snapshot
from bot.audit.verify import count_events, heads
from bot.store.database import Database
from tests.audit.chains import NOON, OTHER, TEAM, found, overrule, seal_at, write


async def written(database: Database) -> None:
    await write(database, (7, 8))


async def begun(database: Database) -> None:
    await write(database, (1,), OTHER)


async def sealed(database: Database) -> None:
    await seal_at(database, 4, TEAM)


async def all_of_it(database: Database) -> None:
    for change in (written, sealed, begun):
        await change(database)


@pytest.mark.parametrize("change", [written, begun, sealed, all_of_it])
async def test_a_snapshot_does_not_see_later_changes(database, change):
    await write(database, range(1, 7))
    async with snapshot(database) as session:
        assert await count_events(session) == 6
        await change(database)

        assert await found(session) == []
        assert [(head.team_id, head.seq) for head in await heads(session)] == [(TEAM, 6)]

    async with snapshot(database) as session:
        assert await found(session) == []


async def test_verification_during_writes_and_a_seal_finds_no_fault(database, monkeypatch):
    monkeypatch.setattr(stored, "BATCH", 5)
    await write(database, range(1, 41))
    is_over = asyncio.Event()

    async def bot() -> None:
        number = 40
        while not is_over.is_set():
            number += 1
            await write(database, (number,))
            if number % 4 == 0:
                # Not later than the events that follow: the next seals would stop before it.
                now = NOON + timedelta(seconds=number)
                await seal_at(database, number - 30, TEAM, now=now)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bot())
        for _ in range(5):
            async with snapshot(database) as session:
                assert await found(session) == []
        is_over.set()


async def test_a_snapshot_is_read_only_and_restores_its_connection(database):
    if not database.is_sqlite:
        with pytest.raises(DBAPIError, match="read-only"):
            await write_within_a_snapshot(database)
    async with snapshot(database) as session:
        assert await found(session) == []

    await write(database, (1, 2))
    async with database.read() as session:
        assert (await heads(session))[0].seq == 2


async def test_a_snapshot_may_last_longer_than_a_write(database, monkeypatch):
    await write(database, range(1, 4))
    monkeypatch.setattr("bot.store.engines.IDLE_IN_TRANSACTION_SECONDS", 0.2)
    unhurried = Database(database.url.render_as_string(hide_password=False))
    async with snapshot(unhurried) as session:
        assert await count_events(session) == 3
        await asyncio.sleep(0.5)
        assert await found(session) == []
    await unhurried.close()


async def write_within_a_snapshot(database: Database) -> None:
    async with snapshot(database) as session:
        connection = await session.connection()
        await connection.exec_driver_sql("DELETE FROM audit_heads")


async def test_invalid_utf_8_is_an_altered_event(sqlite_store):
    await write(sqlite_store, range(1, 4))
    await overrule(
        sqlite_store, "UPDATE audit_events SET actor_id = CAST(x'ff' AS TEXT) WHERE seq = 2"
    )

    async with snapshot(sqlite_store) as session:
        assert await found(session) == [(TEAM, 2, ChainFault.ALTERED)]
