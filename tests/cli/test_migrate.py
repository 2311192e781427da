"""`migrate` on an unusable database: it is reported, and a later run succeeds."""

import asyncio
import os
import resource
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg
import pytest

from bot.jobs.sqlite_worker_lock import SqliteWorkerLock
from bot.store.engines import async_url
from bot.store.revision import newest_revision
from bot.store.schema import upgrade
from tests.cli.conftest import COMPLETE
from tests.cli.conftest import invoke as run
from tests.cli.process import start
from tests.migrated import current_revision
from tests.ports import free_port
from tests.scenarios.killed_bot import Nursery


@pytest.fixture
def in_encoding(server):
    """Create a database in another encoding than UTF8; returns its URL."""

    def create(encoding: str) -> str:
        name = f"in_{encoding.lower()}_{os.getpid()}"
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(
                f"CREATE DATABASE {name} ENCODING '{encoding}' "
                "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
            )
        return str(server.get_uri(database=name))

    return create


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
@pytest.mark.parametrize("command", [["migrate"], ["grants", "list"]])
def test_a_database_encoding_other_than_utf8_is_refused(
    in_encoding, empty_environment, encoding, command
):
    empty_environment.setenv("DATABASE_URL", in_encoding(encoding))
    result = run(*command)
    assert result.exit_code == 1
    what, fix, said = result.stderr.splitlines()
    assert what == "The database cannot be used: its encoding is not UTF8."
    assert "createdb --encoding=UTF8 --template=template0" in fix
    assert said == f"It says: the encoding of the database is {encoding}, not UTF8"


@pytest.mark.parametrize(
    "at_most",
    [
        60_000,
        pytest.param(10_000, marks=pytest.mark.long),
        pytest.param(120_000, marks=pytest.mark.long),
    ],
)
async def test_a_full_disk_during_a_migration_is_reported_and_the_next_run_continues(
    empty_environment, tmp_path, at_most
):
    limits = (at_most, at_most)
    fill = partial(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
    url = f"sqlite:///{tmp_path}/new.db"
    # Python 3.11 keeps a bytecode file that it could not write to its end, and fails on it later.
    bytecode = {"PYTHONDONTWRITEBYTECODE": "1"}
    process = await start("migrate", before=fill, DATABASE_URL=url, **bytecode)
    out, told = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"The database cannot be used: its disk" in told
    assert b"Traceback" not in out + told

    empty_environment.setenv("DATABASE_URL", url)
    assert (await asyncio.to_thread(run, "migrate")).exit_code == 0
    assert current_revision(async_url(url)) == newest_revision()


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize(
    "command", [["migrate"], ["run"], ["web"], ["worker"], ["grants", "list"], ["audit", "verify"]]
)
def test_a_database_of_a_newer_version_is_reported(empty_environment, sqlite_url, command):
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for name, value in {**COMPLETE, "DATABASE_URL": sqlite_url, "PORT": str(free_port())}.items():
        empty_environment.setenv(name, value)
    result = run(*command)
    assert result.exit_code == 1
    assert result.stderr.startswith("The database is of a newer version of callaudio")
    assert "callaudio migrate" not in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("command", ["migrate", "run"])
def test_a_file_that_an_older_worker_serves_is_not_migrated(empty_environment, tmp_path, command):
    file = tmp_path / "callaudio.db"
    url = f"sqlite:///{file}"
    upgrade(async_url(url), "0029")
    for name, value in {**COMPLETE, "DATABASE_URL": url, "PORT": str(free_port())}.items():
        empty_environment.setenv(name, value)
    older = SqliteWorkerLock.acquire(file)
    result = run(command)
    assert result.exit_code == 1
    assert "Another worker already serves this SQLite file." in result.stderr
    assert current_revision(async_url(url)) == "0029"

    older.release()
    assert run("migrate").stdout == (
        f"The database was brought from revision 0029 to {newest_revision()}.\n"
    )
    assert current_revision(async_url(url)) == newest_revision()


def test_a_file_that_a_worker_of_this_version_serves_needs_no_migration(
    empty_environment, sqlite_url
):
    worker = SqliteWorkerLock.acquire(Path(sqlite_url.removeprefix("sqlite:///")))
    empty_environment.setenv("DATABASE_URL", sqlite_url)
    assert run("migrate").exit_code == 0
    worker.release()


async def test_processes_that_migrate_one_database_at_the_same_time_wait_for_one_another(
    in_encoding, migrated_sqlite, tmp_path_factory
):
    url = in_encoding("UTF8")
    folders = [tmp_path_factory.mktemp("process") for _ in range(3)]
    with Nursery(migrated_sqlite.parent) as nursery:
        ended = await asyncio.gather(
            *(nursery.command("migrate", folder=each, DATABASE_URL=url) for each in folders)
        )
    assert [status for status, *_ in ended] == [0, 0, 0], ended
    assert current_revision(async_url(url)) == newest_revision()
