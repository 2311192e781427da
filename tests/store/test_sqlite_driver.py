"""The SQLite driver below the engine: the same results, with one thread hop for each statement."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiosqlite.core import Connection
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.store.database import Database
from bot.store.sqlite_driver import ROWS_WITH_STATEMENT
from tests.polling import DEADLINE_SECONDS

COUNTING = text(
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < :most)"
    " SELECT x FROM n WHERE x <= :most"
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/store.db")
    async with database.write() as session:
        await session.execute(text("CREATE TABLE notes (words TEXT)"))
    yield database
    await database.close()


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record each hop to a thread of the driver."""
    made: list[str] = []
    execute = Connection._execute

    async def noted(self: Connection, act: Any, *args: Any, **kwargs: Any) -> Any:
        made.append("hop")
        return await execute(self, act, *args, **kwargs)

    monkeypatch.setattr(Connection, "_execute", noted)
    return made


@pytest.mark.parametrize(
    "most", [0, 1, ROWS_WITH_STATEMENT - 1, *(ROWS_WITH_STATEMENT + n for n in range(2)), 1000]
)
async def test_every_row_is_returned_once_in_order_by_each_way_of_fetching(database, most):
    expected = list(range(1, most + 1))
    async with database.read() as session:
        assert list(await session.scalars(COUNTING, {"most": most})) == expected
    async with database.read() as session:
        result = await session.stream(COUNTING, {"most": most}, execution_options={"yield_per": 7})
        assert [row.x async for row in result] == expected


async def test_a_read_takes_one_hop_and_a_write_one_hop_for_each_statement(database, hops):
    async with database.read() as session:
        await session.execute(text("SELECT * FROM notes"))
    assert len(hops) == 1
    hops.clear()

    async with database.write() as session:
        await session.execute(text("INSERT INTO notes VALUES ('one')"))
    assert len(hops) == 2, "BEGIN IMMEDIATE with the statement, COMMIT"


async def test_a_short_transaction_takes_two_hops_for_any_number_of_statements(database, hops):
    adding = text("INSERT INTO notes VALUES (:note)")
    async with database.write(is_short=True) as session:
        await session.execute(adding, {"note": "one"})
        await session.execute(adding, [{"note": "two"}, {"note": "three"}])
        assert len((await session.scalars(text("SELECT * FROM notes"))).all()) == 3
    assert len(hops) == 2, "BEGIN IMMEDIATE with the first statement, COMMIT"

    hops.clear()
    async with database.write() as session:
        await session.execute(adding, {"note": "four"})
        await session.execute(adding, {"note": "five"})
    assert len(hops) == 3, "the next transaction on that connection is not short"


async def test_a_short_read_takes_no_hop_and_the_next_one_on_that_connection_does(database, hops):
    assert await database.rows(text("SELECT * FROM notes")) == []
    async with database.read(is_short=True) as session:
        await session.execute(text("SELECT * FROM notes"))
        await session.execute(text("SELECT count(*) FROM notes"))
    assert hops == []

    async with database.read() as session:
        await session.execute(text("SELECT * FROM notes"))
    assert len(hops) == 1


async def test_a_short_read_does_not_wait_for_a_writer_and_does_not_see_its_changes(database):
    adding = text("INSERT INTO notes VALUES ('one')")
    async with database.write() as session:
        await session.execute(adding)
        assert await database.rows(text("SELECT * FROM notes")) == []
    assert await database.rows(text("SELECT * FROM notes")) == [("one",)]


async def test_writers_of_one_process_write_in_the_order_of_their_arrival(database):
    adding, order = text("INSERT INTO notes VALUES (:note)"), []

    async def write(number: int) -> None:
        async with database.write(is_short=number % 2 == 0) as session:
            await session.execute(adding, {"note": str(number)})
            order.append(number)

    await asyncio.gather(*map(write, range(30)))

    assert order == list(range(30))


@pytest.mark.parametrize("is_short", [False, True])
async def test_a_failed_transaction_is_rolled_back_and_its_connection_stays_usable(
    database, is_short
):
    adding = text("INSERT INTO notes VALUES (:note)")

    async def write_and_break() -> None:
        async with database.write(is_short=is_short) as session:
            await session.execute(adding, {"note": "lost"})
            await session.execute(text("SELECT * FROM nowhere"))

    with pytest.raises(OperationalError):
        await write_and_break()
    async with database.write(is_short=is_short):
        pass  # begins nothing
    async with database.read() as session:
        assert (await session.scalars(text("SELECT * FROM notes"))).all() == []
    async with database.write(is_short=is_short) as session:
        await session.execute(adding, {"note": "kept"})
    async with database.read() as session:
        assert (await session.scalars(text("SELECT * FROM notes"))).all() == ["kept"]


@pytest.mark.parametrize("is_short", [False, True])
async def test_a_writer_waits_for_another_without_blocking_the_event_loop(database, is_short):
    adding, order = text("INSERT INTO notes VALUES (:note)"), []

    async def write() -> None:
        async with database.write(is_short=is_short) as session:
            await session.execute(adding, {"note": "second"})
            order.append("second")

    async with database.write() as session:
        await session.execute(adding, {"note": "first"})
        writing = asyncio.create_task(write())
        await asyncio.sleep(0.05)  # it stands at the lock by then
        order.append("first")
    await writing
    assert order == ["first", "second"]


@pytest.mark.parametrize("is_short", [False, True])
async def test_a_cancelled_writer_stops_waiting_for_the_lock(database, monkeypatch, is_short):
    monkeypatch.setattr("bot.store.engines.BUSY_TIMEOUT_MS", 3_600_000)
    await database.engine.dispose()
    with closing(sqlite3.connect(database.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        async def write() -> None:
            async with database.write(is_short=is_short) as session:
                await session.execute(text("INSERT INTO notes VALUES ('late')"))

        writing = asyncio.create_task(write())
        await asyncio.sleep(0.05)  # it stands at the lock by then
        writing.cancel()
        ended, _ = await asyncio.wait({writing}, timeout=DEADLINE_SECONDS)
    assert ended == {writing}
    assert writing.cancelled()

    async with database.write() as session:
        assert list(await session.scalars(text("SELECT words FROM notes"))) == []
        assert await session.scalar(text("PRAGMA busy_timeout")) == 3_600_000


async def test_changes_in_a_transaction_begun_for_reading_are_committed(database, hops):
    async with database.read() as session:
        await session.execute(text("INSERT INTO notes VALUES ('kept')"))
    assert len(hops) == 2, "the commit waits for the disk, so the event loop must not"
    async with database.read() as session:
        assert list(await session.scalars(text("SELECT words FROM notes"))) == ["kept"]


async def test_a_cancelled_statement_changes_nothing_and_connections_stay_usable(
    database, monkeypatch
):
    execute = Connection._execute
    given_up: list[str] = []

    async def long() -> None:
        async with database.write() as session:
            await session.execute(text("INSERT INTO notes VALUES ('half')"))
            monkeypatch.setattr(Connection, "_execute", given_up_on_its_way)
            await session.execute(COUNTING, {"most": 100_000})

    async def given_up_on_its_way(self: Connection, act: Any, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(Connection, "_execute", execute)
        asyncio.get_running_loop().call_soon(task.cancel)
        given_up.append("its thread has it")
        return await execute(self, act, *args, **kwargs)

    task = asyncio.create_task(long())
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert given_up

    for _ in range(12):
        async with database.write() as session:
            assert list(await session.scalars(text("SELECT words FROM notes"))) == []
