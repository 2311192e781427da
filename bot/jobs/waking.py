"""Notifies a worker that another process stored work, so that it rarely has to poll."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sqlalchemy import text

from bot.observability.log_throttle import LogThrottle
from bot.observability.logs import get_logger
from bot.store.database import Database
from bot.store.enqueue import CHANNEL
from bot.store.failures import is_away

log = get_logger(__name__)

READ_VERSION_SECONDS: Final = 0.25
LISTEN_AGAIN_SECONDS: Final = 5.0
_SESSIONS: Final = text(
    """
    SELECT count(*) FILTER (WHERE query = :listens),
    count(*) FILTER (WHERE query = '<insufficient privilege>' OR state = 'disabled')
    FROM pg_stat_activity WHERE datname = current_database() AND usesysid IS NOT NULL
    """
)
NOTHING_ELSE: Final[Mapping[str, Callable[[str], None]]] = MappingProxyType({})


async def listen(
    database: Database,
    wake: Callable[[], None],
    *,
    again_seconds: float = LISTEN_AGAIN_SECONDS,
    hear: Mapping[str, Callable[[str], None]] = NOTHING_ELSE,
) -> None:
    """Wake at each notification of PostgreSQL, until cancelled; ``hear`` maps other channels.

    Without a connection no notification arrives; polling finds the work then. A connection that was
    cut after a while is reopened at once: some load balancers cut idle connections.
    """
    from psycopg import AsyncConnection  # noqa: PLC0415 - who keeps to SQLite need not load it

    throttle = LogThrottle()
    while True:
        began_at = time.monotonic()
        try:
            async with database.engine.connect() as connection:
                autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
                for channel in (*hear, CHANNEL):  # the last one shows that a worker listens
                    await autocommit.exec_driver_sql(f"LISTEN {channel}")
                pooled = await autocommit.get_raw_connection()
                driver = pooled.driver_connection
                assert isinstance(driver, AsyncConnection)  # noqa: S101 - the store's driver
                try:
                    wake()  # something may have been stored before this connection listened
                    async for note in driver.notifies():
                        if note.channel == CHANNEL:
                            wake()
                        else:
                            hear[note.channel](note.payload)
                finally:
                    # It listens permanently, so the pool must not hand it out again.
                    await connection.invalidate()
        except Exception as error:  # noqa: BLE001 - logged, and tried again
            _note(throttle, "not_listening", error)
        await asyncio.sleep(began_at + again_seconds - time.monotonic())


async def is_listened(database: Database) -> bool | None:
    """Return whether a worker listens to this PostgreSQL; None: its sessions cannot be seen.

    A session shows its last statement, for a listening one that is ``LISTEN``, to its own role only
    (docs: PostgreSQL, "pg_stat_activity").
    """
    (found,) = await database.rows(_SESSIONS, {"listens": f"LISTEN {CHANNEL}"})
    listening, hidden = found
    return True if listening else None if hidden else False


async def watch(
    path: Path, wake: Callable[[], None], *, again_seconds: float = LISTEN_AGAIN_SECONDS
) -> None:
    """Wake when another process has written to the SQLite file, until cancelled.

    SQLite counts commits by other connections (docs: PRAGMA data_version); reading the count takes
    some microseconds and no transaction. While the file cannot be read, polling finds the work.
    """
    throttle = LogThrottle()
    while True:
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                await _watch(connection, wake)
        except sqlite3.Error as error:
            _note(throttle, "not_watching", error)
        await asyncio.sleep(again_seconds)


def _note(throttle: LogThrottle, event: str, error: Exception) -> None:
    unlogged = throttle.due(event)
    if unlogged is not None and not is_away(error):  # the store logs that it is away
        log.info(event, error=type(error).__name__, unlogged_before=unlogged)


async def _watch(connection: sqlite3.Connection, wake: Callable[[], None]) -> None:
    seen = None
    while True:
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if seen != version:
            seen = version
            wake()
        await asyncio.sleep(READ_VERSION_SECONDS)
