"""Connections that were cut while idle are replaced without an error."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from bot.store.database import Database
from bot.store.revision import is_migrated
from bot.store.tables import StandingRow
from tests.conftest import NOON
from tests.polling import until
from tests.postgresql import END_OTHER_SESSIONS
from tests.tcp_relay import DatabaseRelay

AT_ONCE = 8


@pytest.fixture
async def relay(migrated_postgresql: Callable[[], str]) -> AsyncIterator[DatabaseRelay]:
    async with DatabaseRelay(migrated_postgresql()) as relay:
        yield relay


@pytest.fixture
async def database(relay: DatabaseRelay) -> AsyncIterator[Database]:
    database = Database(relay.url)
    yield database
    await database.close()


async def write(database: Database, user_id: str) -> None:
    async with database.write() as session:
        row = {"team_id": "T1", "user_id": user_id, "learnt_at": NOON}
        await session.execute(insert(StandingRow).values(**row))


async def use_several(database: Database, first: int = 0) -> None:
    await asyncio.gather(*(write(database, f"U{first + each}") for each in range(AT_ONCE)))


async def test_connections_cut_while_idle_are_replaced_before_any_statement(database, relay):
    await use_several(database)
    assert relay.connections == AT_ONCE
    await relay.cut()
    await use_several(database, AT_ONCE)
    await relay.cut()
    assert await is_migrated(database)
    await relay.cut()
    await database.rows(text("SELECT 1"))
    await relay.cut()
    assert (await database.rows(text("SELECT count(*) FROM standings"))) == [(2 * AT_ONCE,)]


async def test_connections_ended_by_the_server_while_idle_are_replaced(database, relay):
    await use_several(database)
    other = Database(relay.url)
    await until(lambda: relay.connections)
    async with other.read() as session:
        await session.execute(text(END_OTHER_SESSIONS))
    await use_several(database, AT_ONCE)
    await other.close()


async def test_a_connection_cut_within_a_transaction_raises_and_changes_nothing(database, relay):
    async def broken_off() -> None:
        async with database.write() as session:
            await session.execute(text("SELECT 1"))
            await relay.cut()
            await session.execute(text("SELECT 1"))

    with pytest.raises(DBAPIError):
        await broken_off()
    await write(database, "U1")


async def test_the_check_of_a_connection_costs_no_round_trip(database, relay):
    await write(database, "U0")
    before = relay.asked

    await write(database, "U1")

    begun_written_and_committed = 3
    assert relay.asked - before == begun_written_and_committed


async def test_a_closed_port_is_reported_at_once(database, relay):
    await write(database, "U0")
    relay.is_open = False
    await relay.cut()
    with pytest.raises(DBAPIError):
        await write(database, "U1")
