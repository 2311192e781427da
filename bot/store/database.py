"""The transactions of every use case, on SQLite or PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from enum import IntEnum
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Executable, Row, event, func
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from bot.store.engines import async_url, build_engine
from bot.store.health import StoreHealth
from bot.store.inserts import insert_into
from bot.store.sqlite_driver import BEGIN_SHORT, BEGIN_SHORT_READING, BEGIN_WRITING
from bot.store.tables import RecentRequestRow

# PostgreSQL's codes for a deadlock and a serialization failure: nothing was changed, and the
# transaction may succeed on a retry (docs: PostgreSQL, appendix A).
RUN_AGAIN_CODES: Final = frozenset({"40P01", "40001"})
MAX_RUNS: Final = 5
FEW: Final = 20
"""Up to this many keys are found faster than a switch to another thread takes."""
LAST_WORK: Final = "last_work"
STORES_WORK: Final = "stores_work"
RECORDED: Final = "recorded_events"

T = TypeVar("T")


class LastWork(IntEnum):
    """What runs at the end of a transaction, in this order."""

    DUE_WORK = 1
    AUDIT = 2


_LastWorks: TypeAlias = dict[LastWork, Callable[[AsyncSession], Awaitable[None]]]


class Database:
    """The store behind every use case.

    ``read()`` and ``write()`` each open a session inside one transaction. A write on SQLite takes
    the write lock at its start, so that two writers wait for one another instead of failing when
    both try to upgrade a read lock. Writers of one process queue here in the order in which they
    came, because SQLite itself would let each of them poll for the lock.

    Every transaction takes its locks in this order, so that no two wait for each other:

    1. an advisory lock on facts that several rows decide together, such as who is admin;
    2. its own rows, several of one table in the order of their primary key;
    3. the due work that it enqueues, in the order of its key (``bot.store.enqueue``);
    4. the audit heads in the order of their workspaces; ``before_commit`` ensures that.

    Attributes:
        health: is notified of each failure and each write.
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
        """Read a few rows by key, in a short transaction of their own."""
        async with self._reading_little.begin() as connection:
            return (await connection.execute(statement, parameters)).all()

    @asynccontextmanager
    async def write(self, *, is_short: bool = False) -> AsyncIterator[AsyncSession]:
        """Open a session whose changes are committed together at the end, or not at all.

        A short one only finds and adds a few rows by key: see ``BEGIN_SHORT``.
        """
        sessions = self._writing_little if is_short else self._writing
        async with sessions() as session:
            last_work: _LastWorks = {}
            session.info[LAST_WORK] = last_work
            async with self._writers, session.begin():
                yield session
                del session.info[LAST_WORK]  # nothing would run what is added from here on
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

    async def takes_writes(self) -> bool:
        """Return whether writes succeed: a database that answers may be full or read-only.

        Tries a write without effect, unless one succeeded just now.

        Raises:
            DBAPIError: the database does not answer, or refuses it.
        """
        if not self.health.wrote_lately:
            async with self.write(is_short=True) as session:
                await session.execute(_write_without_effect(is_sqlite=self.is_sqlite))
        return self.health.takes_writes

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    def _note_failure(self, context: ExceptionContext) -> None:
        is_stale = context.is_disconnect and (context.statement or "").startswith("BEGIN")
        if not is_stale:  # a new connection follows, and its result is more precise
            self.health.note_failure(context.original_exception)


def is_few(keys: Collection[str]) -> bool:
    """Return whether finding rows by these keys is short."""
    return len(keys) <= FEW


def before_commit(
    session: AsyncSession, order: LastWork, finish: Callable[[AsyncSession], Awaitable[None]]
) -> None:
    """Run ``finish`` once at the end of a ``write()``, after everything else in it.

    Raises:
        RuntimeError: the session is not of a ``write()``, so ``finish`` would never run.
    """
    if LAST_WORK not in session.info:
        raise RuntimeError("events and due work would be lost: the session is not of a write()")
    session.info[LAST_WORK][order] = finish


@cache
def _write_without_effect(*, is_sqlite: bool) -> Executable:
    """Build a write under a key that no request has; the row is deleted with the old ones."""
    statement = insert_into(RecentRequestRow, is_sqlite=is_sqlite).values(
        fingerprint="takes_writes", delivery_id="", requested_at=func.now()
    )
    return statement.on_conflict_do_update(
        index_elements=[RecentRequestRow.fingerprint], set_={"requested_at": func.now()}
    )


def _nobody_to_wake() -> None:
    """The default in a process without a worker: workers are notified by the database."""


def _nobody_to_count(recorded: Sequence[Any]) -> None:
    """The default in a terminal command, which serves no metrics."""


def _sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    # Updates and deletes do not refresh loaded rows: no code reads one after such a statement, and
    # finding the affected rows costs more than the statement.
    return async_sessionmaker(
        engine, expire_on_commit=False, execution_options={"synchronize_session": False}
    )
