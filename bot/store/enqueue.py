"""Enqueues work in the transaction that makes it necessary.

Either both the change and its work are stored, or neither.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import Executable, and_, case, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.database import STORES_WORK, LastWork, before_commit
from bot.store.inserts import insert_into, is_on_sqlite
from bot.store.tables import DueWorkRow

LARGEST_CLOCK_SKEW: Final = timedelta(minutes=10)
"""Work due now is stored with this earlier time, so that a worker with a slow clock sees it."""
ROUNDS_OF_FLOW: Final = 2**40
CHANNEL: Final = "callaudio_due_work"
"""On PostgreSQL a notification on this channel follows each transaction that stored work."""
ENQUEUED: Final = "enqueued_work"


@dataclass(frozen=True, slots=True)
class _Enqueued:
    """When a piece of work is due, and its turn."""

    due_at: datetime
    turn: "Turn"


@dataclass(frozen=True, slots=True)
class Turn:
    """The requester of a piece of work, its flow, and the round of the flow it is served in.

    Flows are served in turn, and in each the lower rounds come first. Flow 0 has the work of no
    requester, and what versions before the flows stored.
    """

    requester: str | None = None
    flow: int = 0
    round: int = 0

    @property
    def number(self) -> int:
        """The flow and the round as one number, so that one index finds each flow's rounds."""
        return first_of(self.flow) + self.round


def first_of(flow: int) -> int:
    """Return the number of a flow's first round."""
    return flow * ROUNDS_OF_FLOW


def flow_in(number: int) -> int:
    """Return the flow in the number of a turn."""
    return number // ROUNDS_OF_FLOW


def enqueue(
    session: AsyncSession,
    kind: str,
    key: str,
    *,
    now: datetime,
    due_at: datetime | None = None,
    joins: bool = False,
    turn: Turn = Turn(),
) -> None:
    """Enqueue work in this transaction: due at once, or at ``due_at``.

    This never postpones waiting work. Running work runs again, because the current run may not see
    what this transaction stores: at ``due_at``, or with ``joins`` immediately after the current
    run, so that work wanted sooner is not postponed. Work keeps its first ``turn``.
    """
    before_commit(session, LastWork.DUE_WORK, _write_enqueued)
    rows: dict[tuple[bool, str, str], _Enqueued] = session.info.setdefault(ENQUEUED, {})
    wanted = due_at or now - LARGEST_CLOCK_SKEW
    known = rows.get((joins, kind, key))
    first = known or _Enqueued(wanted, turn)
    rows[joins, kind, key] = _Enqueued(min(wanted, first.due_at), first.turn)


async def expedite(session: AsyncSession, kind: str, prefix: str, *, now: datetime) -> None:
    """Make all work due now whose key has this prefix; running work runs again."""
    row = DueWorkRow
    which = select(row.key).where(row.kind == kind, row.key.startswith(prefix, autoescape=True))
    for key in await session.scalars(which):
        enqueue(session, kind, key, now=now)


async def _write_enqueued(session: AsyncSession) -> None:
    is_sqlite = is_on_sqlite(session)
    rows: dict[tuple[bool, str, str], _Enqueued] = session.info.pop(ENQUEUED)
    connection = await session.connection()
    for joins in sorted({joins for joins, _, _ in rows}):
        await connection.execute(
            _enqueue_statement(is_sqlite=is_sqlite, joins=joins),
            [
                {
                    "kind": kind,
                    "key": key,
                    "due_at": each.due_at,
                    "tries": 0,
                    "revision": 0,
                    "requester": each.turn.requester,
                    "turn": each.turn.number,
                }
                for (each_joins, kind, key), each in sorted(rows.items())
                if each_joins is joins
            ],
        )
    if not is_sqlite:
        await session.execute(text(f"NOTIFY {CHANNEL}"))
    session.info[STORES_WORK] = True


@cache
def _enqueue_statement(*, is_sqlite: bool, joins: bool) -> Executable:
    """Build the statement without its rows, so that SQLAlchemy compiles it once."""
    row = DueWorkRow
    statement = insert_into(row, is_sqlite=is_sqlite)
    new = statement.excluded
    is_later = row.due_at < new.due_at
    if not joins:
        is_later = and_(row.claim.is_(None), is_later)
    return statement.on_conflict_do_update(
        index_elements=[row.kind, row.key],
        set_={
            "due_at": case((is_later, row.due_at), else_=new.due_at),
            "revision": row.revision + 1,
        },
    )
