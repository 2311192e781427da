"""The three chains of `chains.py`, written once for all tests that do not change them."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.database import Database
from tests.audit.chains import fill
from tests.conftest import KINDS
from tests.postgresql import Databases


@pytest.fixture(scope="session")
def filled() -> dict[str, str]:
    """The URLs of the stores with the three chains, by kind of database."""
    return {}


@pytest.fixture(params=KINDS)
def chained_url(
    request: pytest.FixtureRequest, filled: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of a store with the three chains, once on SQLite and once on PostgreSQL."""
    if request.param in filled:
        return filled[request.param]
    if request.param == "sqlite":
        migrated: Path = request.getfixturevalue("migrated_sqlite")
        path = tmp_path_factory.mktemp("chains") / "callaudio.db"
        shutil.copy(migrated, path)
        url = f"sqlite:///{path}"
    else:
        databases: Databases = request.getfixturevalue("databases")
        url = databases.migrated()
    fill(url)
    return filled.setdefault(request.param, url)


@pytest.fixture
async def chained(chained_url: str) -> AsyncIterator[Database]:
    """A store with the three chains; a test must not change it."""
    database = Database(chained_url)
    yield database
    await database.close()
