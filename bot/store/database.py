"""One async engine on SQLite or PostgreSQL, and the transactions on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Executable, Row, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry

from bot.store.health import StoreHealth
from bot.store.sqlite_driver import (
    BEGIN_READING,
    BEGIN_SHORT,
    BEGIN_SHORT_READING,
    BEGIN_WRITING,
    use_one_hop,
)

BUSY_TIMEOUT_MS = 30_000
# Without a limit, a stalled process or a broken network would hold the locks of its transaction
# for ever, and no worker could take over its work.
IDLE_IN_TRANSACTION_SECONDS = 5.0
MAPPED_BYTES = 2**30
CONNECT_SECONDS = 10
"""For each host; the default is minutes if a firewall drops packets."""
# PostgreSQL's codes for a deadlock and a serialization failure: nothing was changed, and the
# transaction may succeed on a retry (docs: PostgreSQL, appendix A).
RUN_AGAIN_CODES: Final = frozenset({"40P01", "40001"})
MAX_RUNS: Final = 5
FEW: Final = 20
"""The number of keys that are found faster than a switch to another thread takes."""
LAST_WORK: Final = "last_work"
STORES_WORK: Final = "stores_work"
RECORDED: Final = "recorded_events"

T = TypeVar("T")


class LastWork(IntEnum):
    """What runs at the end of a transaction, in this order."""

    DUE_WORK = 1
    AUDIT = 2


class Database:
    """The store behind every use case.

    ``read()`` and ``write()`` each give a session inside one transaction. A write on SQLite takes
    the write lock at its start, so that two writers wait for one another instead of failing when
    both try to upgrade from reading. Those of one process wait here, in the order in which they
    came: SQLite would have each of them try again after a while.

    Order of locks, the same in every transaction, so that no two wait for each other:

    1. an advisory lock on what several rows decide together, such as who is admin;
    2. rows of one's own work, several of one table in the order of their primary key;
    3. the work that becomes due by it, in the order of its key (``bot.store.due_work``);
    4. last of all, the audit heads in the order of their workspaces: ``before_commit`` sees to it.

    Attributes:
        health: hears of each failure and each write.
        on_work_stored: called after a transaction of this process that stored work was committed.
        on_recorded: called with the audit events of a transaction once it was committed.
    """

    def __init__(self, database_url: str) -> None:
        self.url = async_url(database_url)
        self.engine = build_engine(self.url)
        self.health = StoreHealth()
        event.listen(self.engine.sync_engine, "handle_error", self._note_failure)
        self._writers = asyncio.Lock() if self.is_sqlite else nullcontext()
        self._sessions = _sessions(self.engine)
        self._reading_little = self.engine.execution_options(begin=BEGIN_SHORT_READING)
        self._little_sessions = _sessions(self._reading_little)
        self._writing = _sessions(self.engine.execution_options(begin=BEGIN_WRITING))
        self._writing_little = _sessions(self.engine.execution_options(begin=BEGIN_SHORT))
        self.on_work_stored: Callable[[], None] = _nobody_to_wake
        self.on_recorded: Callable[[Sequence[Any]], None] = _nobody_to_count

    @property
    def is_sqlite(self) -> bool:
        """Whether the store is one embedded file, and so one machine."""
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def read(self, *, is_short: bool = False) -> AsyncIterator[AsyncSession]:
        """Open a session for reading; a short one only finds a few rows by key."""
        sessions = self._little_sessions if is_short else self._sessions
        async with sessions() as session, session.begin():
            yield session

    async def rows(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Read a few rows by key, in a transaction of their own that is short."""
        async with self._reading_little.begin() as connection:
            return (await connection.execute(statement, parameters)).all()

    @asynccontextmanager
    async def write(self, *, is_short: bool = False) -> AsyncIterator[AsyncSession]:
        """Open a session whose changes are committed together at the end, or not at all.

        A short one only finds and adds a few rows by key: see ``BEGIN_SHORT``.
        """
        sessions = self._writing_little if is_short else self._writing
        async with sessions() as session:
            async with self._writers, session.begin():
                yield session
                last_work = session.info.pop(LAST_WORK, {})
                for each in sorted(last_work):
                    await last_work[each](session)
            self.health.note_write()
            if session.info.pop(STORES_WORK, False):
                self.on_work_stored()
            if recorded := session.info.pop(RECORDED, None):
                self.on_recorded(recorded)

    async def transact(
        self, work: Callable[[AsyncSession], Awaitable[T]], *, is_short: bool = False
    ) -> T:
        """Run ``work`` in one write transaction, and retry it if PostgreSQL aborted it."""
        for _ in range(MAX_RUNS - 1):
            try:
                async with self.write(is_short=is_short) as session:
                    return await work(session)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in RUN_AGAIN_CODES:
                    raise
        async with self.write(is_short=is_short) as session:
            return await work(session)

    async def ping(self) -> None:
        """Raise unless the database answers."""
        async with self.engine.begin() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    def _note_failure(self, context: ExceptionContext) -> None:
        is_stale = context.is_disconnect and (context.statement or "").startswith("BEGIN")
        if not is_stale:  # a new connection is made, which tells more
            self.health.note_failure(context.original_exception)


def is_few(keys: Collection[str]) -> bool:
    """Return whether finding rows by these keys is short."""
    return len(keys) <= FEW


def before_commit(
    session: AsyncSession, order: LastWork, finish: Callable[[AsyncSession], Awaitable[None]]
) -> None:
    """Run ``finish`` once at the end of a ``write()``, after everything else in it."""
    session.info.setdefault(LAST_WORK, {})[order] = finish


def _nobody_to_wake() -> None:
    """The default in a process without a worker: workers are notified by the database."""


def _nobody_to_count(recorded: Sequence[Any]) -> None:
    """The default in a terminal command, which serves no metrics."""


def _sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    # A statement that updates or deletes leaves the rows in hand as they are: none is looked at
    # after one, and finding out which it concerned costs more than the statement.
    return async_sessionmaker(
        engine, expire_on_commit=False, execution_options={"synchronize_session": False}
    )


AWAY_SQLSTATES: Final = frozenset({"25006", "25P03", "25P04"})
"""Read-only (a standby, or a primary that is being replaced), and cut off for being too slow.

psycopg makes internal errors of these (docs: PostgreSQL, appendix A, class 25).
"""


LAST_WORDS: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
"""The server ends the session: it stops, or this one was told to end, or was too slow."""


def is_away(error: BaseException) -> bool:
    """Return whether the database failed, so that the statement may succeed later."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, NoFreeConnection)
    # After an idle timeout the driver raises an error that does not mention the connection.
    return (
        error.connection_invalidated
        or isinstance(error, OperationalError | InterfaceError)
        or getattr(error.orig, "sqlstate", None) in AWAY_SQLSTATES
    )


def async_url(database_url: str) -> URL:
    """Return the async driver for a ``sqlite:///`` or ``postgresql://`` URL."""
    url = make_url(database_url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=driver[url.get_backend_name()])


def sqlite_path(url: URL) -> Path | None:
    """Name the database file of a SQLite URL, or None for PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def connect_args(url: URL) -> dict[str, object]:
    """Return what every connection is opened with, of either engine: none prepares on the server.

    A prepared statement belongs to one session of the server, and a pooler in transaction mode may
    run each transaction in another one (docs: psycopg, "Using prepared statements with PgBouncer").
    """
    if url.get_backend_name() == "sqlite":
        return {}
    # What the URL says itself comes first.
    waits = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    return {"prepare_threshold": None, "client_encoding": "utf8", **waits}


def refuse_other_encodings(connection: DBAPIConnection) -> None:
    """Check that the database of a new PostgreSQL connection stores every character.

    In another encoding a reason or an id may be rejected or changed.

    Raises:
        psycopg.NotSupportedError: the database's encoding is not UTF8.
    """
    driver = getattr(connection, "driver_connection", connection)
    encoding = driver.info.parameter_status("server_encoding")  # sent by the server, unasked
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
    engine = create_async_engine(url, pool_size=10, max_overflow=0, pool_timeout=60)
    use_one_hop(engine.sync_engine)

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # Pages are read where the system keeps them, instead of each connection copying its own.
        cursor.execute(f"PRAGMA mmap_size={MAPPED_BYTES}")
        # Loses nothing to a killed process; only a power cut could undo the last commits. FULL
        # keeps "stored before the ack" true there as well.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()
        # The driver would otherwise begin by itself, and only before a write.
        connection.isolation_level = None

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", BEGIN_READING))

    return engine


def _build_postgresql_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, connect_args=connect_args(url), pool_size=10, max_overflow=10)

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        refuse_other_encodings(connection)
        connection.autocommit = True  # the driver would otherwise begin by itself

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        # In one round trip, and for this transaction alone: behind a pooler the next one may run in
        # another session, and this session may be somebody else's then.
        mode, idle_ms = "", round(1000 * IDLE_IN_TRANSACTION_SECONDS)
        if options.get("is_snapshot", False):
            # It locks nothing, and whoever reads what is printed may take their time.
            mode, idle_ms = " ISOLATION LEVEL REPEATABLE READ, READ ONLY", 0
        begin = f"BEGIN{mode}; SET LOCAL idle_in_transaction_session_timeout = {idle_ms}"
        try:
            connection.exec_driver_sql(begin)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # It was cut while nobody used it. Nothing is done yet, so nobody need hear of it: the
            # pool gives a new one now, as all that are older count as cut, too. To ask each
            # connection beforehand whether it lives would cost every transaction a round trip.
            connection.exec_driver_sql(begin)

    @event.listens_for(engine.sync_engine, "handle_error")
    def _on_error(context: ExceptionContext) -> None:
        # The server's last words arrive before the driver has seen that the connection has ended.
        if getattr(context.original_exception, "sqlstate", None) in LAST_WORDS:
            context.is_disconnect = True

    return engine
