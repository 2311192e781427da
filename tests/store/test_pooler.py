"""The store behind a pooler in transaction mode: every transaction may run in another session."""

import asyncio
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from bot.audit.snapshot import snapshot
from bot.settings.database_url import for_drivers
from bot.store.database import Database
from bot.store.engines import async_url, connect_args
from bot.store.revision import is_migrated, newest_revision
from bot.store.schema import sync_engine, upgrade
from bot.store.tables import StandingRow
from tests.conftest import NOON
from tests.migrated import current_revision
from tests.pgbouncer import needs_pgbouncer, pooled
from tests.polling import DEADLINE_SECONDS
from tests.ports import free_port


def person(user_id: str):
    return insert(StandingRow).values(team_id="T1", user_id=user_id, learnt_at=NOON)


@pytest.fixture
def pooled_url(migrated_postgresql: Callable[[], str]) -> Iterator[str]:
    with pooled(migrated_postgresql()) as url:
        yield for_drivers(url)


@needs_pgbouncer
async def test_many_equal_transactions_of_two_processes_all_succeed(pooled_url):
    """The driver would prepare a statement on the server at its fifth use."""
    databases = [Database(pooled_url), Database(pooled_url)]

    async def work(database: Database, number: int) -> None:
        async with database.write() as session:
            await session.execute(person(f"U{number}"))
        async with database.read() as session:
            await session.scalars(select(StandingRow).where(StandingRow.user_id == f"U{number}"))

    async with asyncio.TaskGroup() as group:
        for number in range(80):
            group.create_task(work(databases[number % 2], number))

    async with databases[0].read() as session:
        assert await session.scalar(select(func.count()).select_from(StandingRow)) == 80
    for database in databases:
        await database.close()


@needs_pgbouncer
async def test_behind_a_pooler_the_time_limit_applies_to_its_transaction_only(
    pooled_url, monkeypatch
):
    monkeypatch.setattr("bot.store.engines.IDLE_IN_TRANSACTION_SECONDS", 0.2)
    database = Database(pooled_url)

    async def stand_still() -> None:
        async with database.write() as session:
            await session.execute(person("U1"))
            await asyncio.sleep(1)
            await session.execute(select(StandingRow))

    with pytest.raises(DBAPIError):
        await asyncio.wait_for(stand_still(), DEADLINE_SECONDS)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(StandingRow)) == 0
    await database.close()
    with psycopg.connect(pooled_url, autocommit=True, prepare_threshold=None) as stranger:
        for _ in range(10):
            (limit,) = stranger.execute("SHOW idle_in_transaction_session_timeout").fetchone()
            assert limit == "0", "others who share the server's sessions have their own settings"


@needs_pgbouncer
async def test_a_snapshot_behind_a_pooler_is_consistent_and_has_no_time_limit(
    pooled_url, monkeypatch
):
    monkeypatch.setattr("bot.store.engines.IDLE_IN_TRANSACTION_SECONDS", 0.2)
    database = Database(pooled_url)
    async with snapshot(database) as session:
        counted = select(func.count()).select_from(StandingRow)
        assert await session.scalar(counted) == 0
        monkeypatch.undo()  # a writer is limited, and this machine may be busy
        async with database.write() as other:
            await other.execute(person("U1"))
        await asyncio.sleep(0.5)
        assert await session.scalar(counted) == 0
        with pytest.raises(DBAPIError, match="read-only"):
            await session.execute(person("U2"))
    await database.close()


@needs_pgbouncer
async def test_of_several_hosts_the_one_that_answers_is_used(pooled_url):
    hosts = pooled_url.replace("@", f"@127.0.0.1:{free_port()},", 1)
    assert hosts.count("127.0.0.1") == 2
    database = Database(for_drivers(hosts))
    await database.rows(text("SELECT 1"))
    await database.close()


@needs_pgbouncer
async def test_migrations_run_behind_a_pooler(postgresql):
    with pooled(postgresql()) as url:
        store = async_url(for_drivers(url))
        await asyncio.to_thread(upgrade, store)
        await asyncio.to_thread(upgrade, store)
        assert await asyncio.to_thread(current_revision, store) == newest_revision()
        database = Database(for_drivers(url))
        assert await is_migrated(database)
        await database.close()


def test_no_engine_lets_the_driver_prepare_statements_on_the_server(migrated_postgresql):
    """The same without a pooler: no engine prepares a statement, at any number of runs."""
    store = async_url(migrated_postgresql())
    always = {"prepare_threshold": None, "client_encoding": "utf8"}
    assert connect_args(store) == {**always, "connect_timeout": 10}
    own = store.update_query_dict({"connect_timeout": "3"})
    assert connect_args(own) == always
    engine = sync_engine(store)
    with engine.connect() as connection:
        for _ in range(20):
            connection.execute(text("SELECT 1"))
        prepared = text("SELECT count(*) FROM pg_prepared_statements")
        assert connection.scalar(prepared) == 0
    engine.dispose()


async def test_a_connection_outside_of_transactions_receives_notifications(postgresql_store):
    async with postgresql_store.engine.connect() as connection:
        listening = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await listening.exec_driver_sql("LISTEN callaudio_test")
        driver = (await listening.get_raw_connection()).driver_connection
        async with postgresql_store.write() as session:
            await session.execute(text("NOTIFY callaudio_test"))
        heard = [
            each.channel async for each in driver.notifies(timeout=DEADLINE_SECONDS, stop_after=1)
        ]
        assert heard == ["callaudio_test"]
    for _ in range(3):
        async with postgresql_store.write() as session:
            await session.execute(person("U1"))
            await session.rollback()


async def test_the_store_leaves_no_state_in_the_servers_session(postgresql_store):
    async with postgresql_store.read() as session:
        for _ in range(20):
            await session.execute(text("SELECT 1"))
        assert await session.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
        limit = text("SHOW idle_in_transaction_session_timeout")
        assert await session.scalar(limit) == "5s"
    async with postgresql_store.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        shown = await driver.execute("SHOW idle_in_transaction_session_timeout")
        assert await shown.fetchone() == ("0",)
