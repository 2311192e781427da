"""A store where the kind of database does not matter."""

from collections.abc import AsyncIterator

import pytest

from bot.store.database import Database


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database(sqlite_url)
    yield database
    await database.close()
