"""The engine for each database, SQLite or PostgreSQL, and how its connections are opened."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.store.sqlite_driver import BEGIN_READING, use_one_hop

BUSY_TIMEOUT_MS = 30_000
# Without a limit, a stalled process or a broken network would hold the locks of its transaction
# indefinitely, and no worker could take over its work.
IDLE_IN_TRANSACTION_SECONDS = 5.0
MAPPED_BYTES = 2**30
CONNECT_SECONDS = 10
"""For each host; the default is minutes if a firewall drops packets."""


LAST_WORDS: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
"""The server ends the session: it shuts down, terminates this session, or it timed out."""


def async_url(database_url: str) -> URL:
    """Return the URL with its async driver, for ``sqlite:///`` or ``postgresql://``."""
    url = make_url(database_url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=driver[url.get_backend_name()])


def sqlite_path(url: URL) -> Path | None:
    """Return the database file of a SQLite URL, behind symbolic links; None for PostgreSQL.

    So each name of a file is one path, as for SQLite, which keeps its log beside the file itself.
    """
    if url.get_backend_name() != "sqlite":
        return None
    path = url.database or ""
    if "uri" in url.query:  # sqlite.org: "URI Filenames"
        path = unquote(urlsplit(path).path)
    return Path(os.path.realpath(path))


def missing_file(url: URL) -> Path | None:
    """Return the file of a SQLite URL if it does not exist: a connection would create it.

    A file that cannot be looked at is not missing: SQLite says why it cannot be opened.
    """
    path = sqlite_path(url)
    if path is None or url.query.get("mode") == "rwc":
        return None
    try:
        path.stat()
    except FileNotFoundError:
        return path
    except OSError:
        return None
    return None


def connect_args(url: URL) -> dict[str, object]:
    """Return the driver's arguments for every connection; no statement is prepared on the server.

    A prepared statement belongs to one session of the server, and a pooler in transaction mode may
    run each transaction in another (docs: psycopg, "Using prepared statements with PgBouncer").
    """
    if url.get_backend_name() == "sqlite":
        return {}
    # A value in the URL takes precedence.
    waits = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    return {"prepare_threshold": None, "client_encoding": "utf8", **waits}


def refuse_other_encodings(connection: DBAPIConnection) -> None:
    """Check that the database of a new PostgreSQL connection stores every character.

    In another encoding a reason or an id may be rejected or changed.

    Raises:
        psycopg.NotSupportedError: the database's encoding is not UTF8.
    """
    driver = getattr(connection, "driver_connection", connection)
    encoding = driver.info.parameter_status("server_encoding")  # the server always sends it
    if encoding not in (None, "UTF8"):
        from psycopg import NotSupportedError  # noqa: PLC0415 - who keeps to SQLite need not load it

        raise NotSupportedError(f"the encoding of the database is {encoding}, not UTF8")


def build_engine(url: URL) -> AsyncEngine:
    """Build the engine.

    On SQLite with WAL, foreign keys, and locks taken when writing starts; on PostgreSQL with a time
    limit for idle transactions.
    """
    if url.get_backend_name() != "sqlite":
        return _build_postgresql_engine(url)
    engine = create_async_engine(
        url, pool_size=10, max_overflow=0, pool_timeout=60, hide_parameters=True
    )
    use_one_hop(engine.sync_engine)

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # Pages are read from the system's page cache, instead of copied by each connection.
        cursor.execute(f"PRAGMA mmap_size={MAPPED_BYTES}")
        # A killed process loses nothing in any mode; FULL also keeps commits after a power cut, so
        # that "stored before the ack" always holds.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()
        # Otherwise the driver would begin transactions itself, and only before a write.
        connection.isolation_level = None

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", BEGIN_READING))

    return engine


def _build_postgresql_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url, connect_args=connect_args(url), pool_size=10, max_overflow=10, hide_parameters=True
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        refuse_other_encodings(connection)
        connection.autocommit = True  # otherwise the driver would begin transactions itself

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        # In one round trip, and LOCAL to this transaction: behind a pooler the session may serve
        # another client next.
        mode, idle_ms = "", round(1000 * IDLE_IN_TRANSACTION_SECONDS)
        if options.get("is_snapshot", False):
            # A snapshot locks nothing, and printing its rows to a terminal may take long.
            mode, idle_ms = " ISOLATION LEVEL REPEATABLE READ, READ ONLY", 0
        begin = f"BEGIN{mode}; SET LOCAL idle_in_transaction_session_timeout = {idle_ms}"
        try:
            connection.exec_driver_sql(begin)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The connection was cut while idle. Nothing is done yet, so retrying is safe: the pool
            # opens a new one, because it now treats all older ones as cut. Testing each connection
            # beforehand would cost every transaction a round trip.
            connection.exec_driver_sql(begin)

    @event.listens_for(engine.sync_engine, "handle_error")
    def _on_error(context: ExceptionContext) -> None:
        # The server's final error arrives before the driver notices that the connection is closed.
        if getattr(context.original_exception, "sqlstate", None) in LAST_WORDS:
            context.is_disconnect = True

    return engine
