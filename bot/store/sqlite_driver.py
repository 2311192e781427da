"""The SQLite driver below the engine: aiosqlite, with one thread hop for each statement.

aiosqlite calls its thread for a cursor, for the statement, for the rows and for the close. Each
call costs a thread switch and a turn of the event loop: most of the processor time of a short
transaction. Here only calls that may wait for the disk or for a lock run in the thread.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from aiosqlite.context import contextmanager
from aiosqlite.core import Connection
from aiosqlite.cursor import Cursor
from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.pool import ConnectionPoolEntry

ROWS_WITH_STATEMENT: Final = 200
"""Rows that are read in the same hop as the statement; further rows are read on demand."""
ROWS_A_FETCH: Final = 64
ONE_WAIT_MS: Final = 200
"""How long a cancelled transaction may still wait for another writer."""
BEGIN_READING: Final = "BEGIN"
"""Takes no lock and reads nothing yet (sqlite.org: "Transactions", deferred)."""
BEGIN_SHORT_READING: Final = "BEGIN -- short"
"""The same for statements that each find a few rows by key: they run without a hop, because a
reader waits for no lock (sqlite.org: "Write-Ahead Logging")."""
BEGIN_WRITING: Final = "BEGIN IMMEDIATE"
"""May wait for another writer, so it runs in one hop together with the first statement."""
BEGIN_SHORT: Final = "BEGIN IMMEDIATE -- short"
"""The same for statements that each find or add a few rows by key.

Statements after the first run without a hop: they wait for no lock, and take microseconds.
"""


class OneHopCursor(Cursor):
    """Runs a statement and reads its first rows in one hop."""

    def __init__(self, connection: "OneHopConnection", cursor: sqlite3.Cursor) -> None:
        super().__init__(connection, cursor)
        self._connection = connection
        self._first: list[Any] = []
        self._has_more = False

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "OneHopCursor":
        """Run a statement."""
        if sql in {BEGIN_READING, BEGIN_SHORT_READING}:
            self._cursor.execute(sql)
            self._connection.note_begin(is_short=sql == BEGIN_SHORT_READING)
            return self
        if sql in {BEGIN_WRITING, BEGIN_SHORT}:
            self._connection.begin_with_next(sql)
            return self
        await self._in_thread(self._run, sql, () if parameters is None else parameters)
        return self

    async def executemany(  # type: ignore[override]  # sqlite3 wants sequences
        self, sql: str, parameters: Iterable[Sequence[Any]]
    ) -> "OneHopCursor":
        """Run a statement for each set of parameters."""
        await self._in_thread(self._run_many, sql, parameters)
        return self

    async def fetchone(self) -> Any:  # noqa: ANN401 - a row
        """Read the next row; None after the last."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Read some rows."""
        wanted = size or self.arraysize
        rows, self._first = self._first[:wanted], self._first[wanted:]
        if len(rows) < wanted and self._has_more:
            rows += await self._in_thread(self._cursor.fetchmany, wanted - len(rows))
        return rows

    async def fetchall(self) -> list[Any]:
        """Read all the rows that are left."""
        rows, self._first = self._first, []
        if self._has_more:
            rows += await self._in_thread(self._cursor.fetchall)
        return rows

    async def close(self) -> None:
        """Close it; if a cancelled statement still runs in the thread, after that statement."""
        if self._connection.is_idle:
            self._cursor.close()
        else:
            await super().close()

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - as sqlite3's own
        if self._connection.runs_here:
            return function(*arguments)
        return await self._execute(function, *arguments)  # type: ignore[no-untyped-call]  # aiosqlite's

    def _run(self, sql: str, parameters: Sequence[Any]) -> None:
        self._connection.begin(self._cursor)
        self._cursor.execute(sql, parameters)
        if self._cursor.description:
            self._first = self._cursor.fetchmany(ROWS_WITH_STATEMENT)
            self._has_more = len(self._first) == ROWS_WITH_STATEMENT

    def _run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        self._connection.begin(self._cursor)
        self._cursor.executemany(sql, parameters)


class OneHopConnection(Connection):
    """Returns such cursors, and ends transactions without changes without a hop."""

    def __init__(self, database: str, options: dict[str, Any]) -> None:
        # The threads take turns: SQLAlchemy never uses one connection for two things at a time.
        options = {**options, "check_same_thread": False}
        super().__init__(lambda: sqlite3.connect(database, **options), ROWS_A_FETCH)
        self._thread.daemon = True
        self._changes_before: int | None = None
        self._begins_with: str | None = None
        self._is_short = False
        self._stopped: asyncio.Future[Any] | None = None
        # Counts, each written by one thread alone; the last is that of the newest statement that
        # was cancelled.
        self._asked = self._answered = self._cancelled = 0

    @property
    def is_idle(self) -> bool:
        """Whether its thread is idle: no cancelled statement is still running."""
        return self._asked == self._answered

    @property
    def runs_here(self) -> bool:
        """Whether the next statement needs no hop: its short transaction has the lock it needs."""
        return self._is_short and self.is_idle

    def begin_with_next(self, sql: str) -> None:
        """Have the next statement begin the transaction."""
        self._begins_with = sql

    def begin(self, cursor: sqlite3.Cursor) -> None:
        """Begin the transaction, unless it has begun."""
        begins_with, self._begins_with = self._begins_with, None
        if begins_with is not None:
            self._begin_writing(cursor, begins_with)
            self._is_short = begins_with == BEGIN_SHORT

    def _begin_writing(self, cursor: sqlite3.Cursor, sql: str) -> None:
        """Wait for another writer as long as ``busy_timeout`` allows, or until it is cancelled.

        SQLite itself looks at nothing else while it waits, not even at ``sqlite3_interrupt``, and
        a process that stops waited with it. So it waits here for a short time, again and again.
        """
        (most_ms,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        gives_up_at = time.monotonic() + most_ms / 1000
        cursor.execute(f"PRAGMA busy_timeout={min(most_ms, ONE_WAIT_MS)}")
        try:
            while True:
                try:
                    cursor.execute(sql)
                except sqlite3.OperationalError as error:
                    is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                    if not is_busy or self._is_cancelled or time.monotonic() >= gives_up_at:
                        raise
                else:
                    return
        finally:
            cursor.execute(f"PRAGMA busy_timeout={most_ms}")

    @property
    def _is_cancelled(self) -> bool:
        """Whether nobody waits any more for the statement that its thread runs."""
        return self._cancelled > self._answered

    async def _connect(self) -> "OneHopConnection":
        """Open the file; if that fails, wait until the thread has ended."""
        try:
            await super()._connect()
        except BaseException:
            if self._stopped:
                await asyncio.wait({self._stopped})
            raise
        return self

    async def close(self) -> None:
        """Close the file."""
        self._give_up()
        await super().close()

    def stop(self) -> asyncio.Future[Any] | None:
        """End the thread."""
        self._give_up()
        self._stopped = super().stop()
        return self._stopped

    def _give_up(self) -> None:
        """Roll back an open transaction: an open cursor would keep the lock of a closed file."""

        def act() -> None:
            if self._connection is not None:
                self._connection.rollback()

        self._tx.put_nowait((None, act))

    def note_begin(self, *, is_short: bool) -> None:
        """Remember how much was changed before the transaction."""
        self._is_short = is_short
        self._changes_before = self._conn.total_changes

    @contextmanager
    async def cursor(self) -> Cursor:
        """Return a cursor."""
        return OneHopCursor(self, self._conn.cursor())

    async def commit(self) -> None:
        """Commit."""
        before, self._changes_before = self._changes_before, None
        self._begins_with, self._is_short = None, False
        if self.is_idle and before == self._conn.total_changes:
            self._conn.commit()  # no change has to be written to the disk
        else:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back."""
        self._begins_with, self._is_short = None, False
        if not self.is_idle or self._conn.in_transaction:
            await super().rollback()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        def act() -> Any:  # noqa: ANN401 - as sqlite3's own
            try:
                return fn(*args, **kwargs)
            finally:
                self._answered += 1

        self._asked += 1
        number = self._asked
        try:
            return await super()._execute(act)  # type: ignore[no-untyped-call]  # as above
        except asyncio.CancelledError:
            self._cancelled = number
            raise


def use_one_hop(engine: Engine) -> None:
    """Make an engine on SQLite open its connections with this driver."""

    @event.listens_for(engine, "do_connect")
    def _on_connect(
        dialect: Dialect, record: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]
    ) -> None:
        del dialect, record, args
        options["async_creator_fn"] = lambda path, **rest: OneHopConnection(path, rest)
