"""One unchanging view of the store, for a proof that takes a while beside a bot that writes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from bot.store.database import Database


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncSession]:
    """Give a session that sees the store as its first look found it, whatever is written meanwhile.

    It is for reading. Text that is no UTF-8, which SQLite keeps if somebody puts it there, reads as
    text nobody wrote instead of failing.
    """
    async with database.engine.connect() as connection:
        if database.is_sqlite:
            # A read transaction there sees one state anyway.
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
