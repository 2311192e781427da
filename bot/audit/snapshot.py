"""A consistent snapshot of the store, for a verification while the bot writes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from bot.store.database import Database


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncSession]:
    """Open a session that reads the store as of its first query, whatever is written later.

    It is for reading only. Invalid UTF-8, which SQLite can hold, is replaced instead of failing.
    """
    async with database.engine.connect() as connection:
        if database.is_sqlite:
            # A read transaction of SQLite always sees one state.
            async with _any_text(connection), AsyncSession(connection) as session, session.begin():
                yield session
            return
        await connection.execution_options(is_snapshot=True)
        async with AsyncSession(connection) as session, session.begin():
            yield session


@asynccontextmanager
async def _any_text(connection: AsyncConnection) -> AsyncIterator[None]:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None  # noqa: S101 - it has just been connected
    driver.text_factory = lambda data: data.decode(errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = str
