"""The cause of a database failure is recognized from real messages of databases."""

import asyncio
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from bot.store import failures
from bot.store.database import Database
from bot.store.failures import StoreAway, StoreFull, for_people, why
from tests.pgbouncer import needs_pgbouncer, pooled
from tests.ports import free_port
from tests.tables import each_row


async def failure_of(url: str, *statements: str) -> BaseException:
    """The error of a statement, or of the connection before it."""
    database = Database(url)
    try:
        async with database.write() as session:
            for statement in (*statements, "SELECT 1"):
                await session.execute(text(statement))
    except DBAPIError as error:
        return error
    finally:
        await database.close()
    raise AssertionError("it works")


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("postgresql://u@nobody.callaudio.test/x", failures.HOST_UNKNOWN),
        ("postgresql://u@127.0.0.1:{port}/x", failures.REFUSED),
        ("postgresql:///x?host=/no/such/folder", failures.REFUSED),
    ],
)
async def test_a_closed_port_is_reported(url, failure):
    error = await failure_of(url.format(port=free_port()))
    assert why(error) is failure
    assert isinstance(for_people(error), StoreAway)


async def test_an_error_does_not_contain_the_values_of_its_statement(database):
    with pytest.raises(DBAPIError) as failed:
        async with database.read() as session:
            await session.execute(text("SELECT :reason FROM missing"), {"reason": "Mrs Private"})
    assert "missing" in str(failed.value)
    assert "Mrs Private" not in str(failed.value)


async def test_a_server_that_does_not_answer_is_reported():
    writers = []

    async def silent(reader, writer):
        del reader
        writers.append(writer)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await failure_of(f"postgresql://u@127.0.0.1:{port}/x?connect_timeout=1")
    assert why(error) is failures.TIMEOUT
    server.close()
    for writer in writers:
        writer.close()


async def test_an_unknown_database_or_user_is_reported(migrated_postgresql):
    url = make_url(migrated_postgresql())
    wrong_name = url.set(database="nothing").render_as_string(hide_password=False)
    assert why(await failure_of(wrong_name)) is failures.NO_SUCH_DATABASE
    wrong_user = url.set(username="nobody").render_as_string(hide_password=False)
    assert why(await failure_of(wrong_user)) is failures.LOGIN_REFUSED


@needs_pgbouncer
async def test_a_server_without_tls_is_reported(migrated_postgresql):
    with pooled(migrated_postgresql()) as pooled_url:
        url = make_url(pooled_url).set(query={})
        over_tls = url.update_query_dict({"sslmode": "require"})
        assert why(await failure_of(over_tls.render_as_string(hide_password=False))) is failures.TLS


@pytest.mark.parametrize(
    ("statements", "failure"),
    [
        (["SET TRANSACTION READ ONLY", "CREATE TABLE t (x int)"], failures.READ_ONLY),
        (["CREATE ROLE u1", "SET ROLE u1", "SELECT * FROM grants"], failures.NOT_ALLOWED),
        (["DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END$$"], failures.DISK_FULL),
        (["DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53300'; END$$"], failures.TOO_MANY),
    ],
)
async def test_each_refusal_of_a_server_is_reported(migrated_postgresql, statements, failure):
    error = await failure_of(migrated_postgresql(), *statements)
    assert why(error) is failure


def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/callaudio.db"


async def test_a_file_that_is_missing_invalid_or_locked_is_reported(tmp_path, monkeypatch):
    assert why(await failure_of(f"sqlite:///{tmp_path}/no/such/x.db")) is failures.NO_FILE
    (tmp_path / "text.db").write_text("a text of more than a hundred characters" * 9)
    assert why(await failure_of(f"sqlite:///{tmp_path}/text.db")) is failures.NOT_A_DATABASE
    monkeypatch.setattr("bot.store.engines.BUSY_TIMEOUT_MS", 1)
    with sqlite3.connect(tmp_path / "callaudio.db") as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert why(await failure_of(file_url(tmp_path))) is failures.LOCKED


async def test_a_full_disk_has_its_own_text_for_people(tmp_path):
    error = await failure_of(
        file_url(tmp_path),
        "PRAGMA max_page_count=1",
        "CREATE TABLE t (x text)",
        "INSERT INTO t SELECT hex(zeroblob(100000))",
    )
    assert why(error) is failures.DISK_FULL
    assert isinstance(for_people(error), StoreFull)


@each_row(
    "said",
    [
        'could not extend file "base/1/2": No space left on device',
        "attempt to write a readonly database",
        "FATAL:  remaining connection slots are reserved for roles",
        "FATAL:  the database system is starting up",
        'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", no encryption',
        "FATAL:  no such database: x",
        "server closed the connection unexpectedly",
        "terminating connection due to idle-in-transaction timeout",
        'FATAL:  password authentication failed for user "u"',
        "server certificate for x does not match host name y",
    ],
)
def test_rare_server_messages_are_reported(said):
    assert why(OperationalError("", {}, psycopg.OperationalError(said)))


@each_row(
    ("said", "failure"),
    [
        ("consuming input failed: SSL connection has been closed unexpectedly", failures.LOST),
        ("consuming input failed: SSL SYSCALL error: EOF detected", failures.LOST),
        ("sending query and params failed: SSL SYSCALL error: Broken pipe", failures.LOST),
        ("SSL connection has been closed unexpectedly", failures.LOST),
        ("connection failed: server does not support SSL, but SSL was required", failures.TLS),
        ("connection failed: SSL error: certificate verify failed", failures.TLS),
    ],
)
def test_a_lost_tls_connection_is_not_reported_as_a_fault_of_tls(said, failure):
    """libpq's messages for a lost TLS connection (fe-secure-openssl.c)."""
    assert why(OperationalError("", {}, psycopg.OperationalError(said))) is failure


def test_errors_in_our_own_statements_are_not_reported_as_outages():
    error = DBAPIError("", {}, psycopg.ProgrammingError("syntax error"))
    assert why(error) is for_people(error) is None
    error = OperationalError("", {}, sqlite3.OperationalError("no such table: grants"))
    assert why(error) is for_people(error) is None
    assert for_people(ValueError("timed out")) is None
    assert isinstance(for_people(NoFreeConnection()), StoreAway)
