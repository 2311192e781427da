"""Reads the audit tables without assumptions: any column may hold any value."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Executable,
    Row,
    TableClause,
    Text,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.chain import HASH_LENGTH, Checkpoint, Link
from bot.audit.evidence_verifier import without_repetition
from bot.store.inserts import is_on_sqlite

BATCH: Final = 2000

# An escape of a character that the bot writes as itself.
_ESCAPED_PLAIN: Final = re.compile(
    r"(?<!\\)(?:\\\\)*\\(?:/|u00(?:[2-6][0-9a-f]|7[0-9a-e]))", re.IGNORECASE
)


def untyped(name: str, *columns: str) -> TableClause:
    """Describe a table without types: an invalid time or invalid JSON is returned, and no error."""
    return table(name, *(column(each) for each in columns))


EVENTS: Final = untyped(
    "audit_events",
    *("id", "seq", "team_id", "tag", "actor_id", "delivery_id", "version"),
    *("previous_hash", "hash", "occurred_at", "payload"),
)
_HEADS: Final = untyped("audit_heads", "team_id", "seq", "hash")
_CHECKPOINTS: Final = untyped(
    "audit_checkpoints", "team_id", "seq", "hash", "sealed_by", "sealed_at"
)


def events(session: AsyncSession) -> AsyncIterator[Sequence[Row[Any]]]:
    """Stream every event of every workspace, chain by chain, in bounded memory."""
    columns = EVENTS.c
    query = select(*readable(session, columns))
    return _batches(session, query.order_by(columns.team_id, columns.seq, columns.id))


async def head_rows(session: AsyncSession) -> Sequence[Row[Any]]:
    """Read every head."""
    return (await session.execute(select(_HEADS).order_by(_HEADS.c.team_id))).all()


async def checkpoint_rows(session: AsyncSession, team_id: str | None = None) -> Sequence[Row[Any]]:
    """Read every checkpoint, or those of one workspace, oldest first."""
    columns = _CHECKPOINTS.c
    query = select(*readable(session, columns)).order_by(columns.team_id, columns.seq)
    if team_id is not None:
        query = query.where(columns.team_id == team_id)
    return (await session.execute(query)).all()


def hash_of(row: Row[Any]) -> str | None:
    """Compute the hash of an event from its row; None if the row is not a valid event."""
    link = link_of(row)
    try:
        return link.hash() if link else None
    except RecursionError:
        return None


def link_of(row: Row[Any]) -> Link | None:
    """Read an event from its row; None if a column holds an invalid value."""
    occurred_at, payload = moment_of(row.occurred_at), mapping_of(row.payload)
    if (
        occurred_at is None
        or payload is None
        or not is_number(row.seq)
        or not is_number(row.version)
        or not all(
            isinstance(each, str)
            for each in (row.team_id, row.tag, row.actor_id, row.previous_hash, row.hash)
        )
        or not isinstance(row.delivery_id, str | None)
    ):
        return None
    return Link(
        seq=row.seq,
        occurred_at=occurred_at,
        team_id=row.team_id,
        tag=row.tag,
        actor_id=row.actor_id,
        delivery_id=row.delivery_id,
        version=row.version,
        payload=payload,
        previous_hash=row.previous_hash,
    )


def checkpoint_of(row: Row[Any]) -> Checkpoint | None:
    """Read a checkpoint from its row; None if a column holds an invalid value."""
    sealed_at = moment_of(row.sealed_at)
    if (
        sealed_at is None
        or not is_number(row.seq)
        or row.seq < 1
        or not all(isinstance(each, str) for each in (row.team_id, row.hash, row.sealed_by))
        or len(row.hash) != HASH_LENGTH
    ):
        return None
    return Checkpoint(row.team_id, row.seq, row.hash, sealed_at, row.sealed_by)


def is_number(value: object) -> bool:
    """Return whether this is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


async def streamed(session: AsyncSession, query: Executable) -> AsyncIterator[Row[Any]]:
    """Stream the rows of a query in bounded memory."""
    async for rows in _batches(session, query):
        for row in rows:
            yield row


async def _batches(session: AsyncSession, query: Executable) -> AsyncIterator[Sequence[Row[Any]]]:
    result = await session.stream(query, execution_options={"yield_per": BATCH})
    try:
        async for rows in result.partitions():
            yield rows
    finally:
        await result.close()


async def consecutive(
    rows: AsyncIterator[Row[Any]], key: Callable[[Row[Any]], object]
) -> AsyncIterator[list[Row[Any]]]:
    """Group rows that follow one another and have the same key, one group at a time in memory."""
    group: list[Row[Any]] = []
    async for row in rows:
        if group and key(group[0]) != key(row):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def moment_of(value: object) -> datetime | None:
    """Read a time from the text that the bot stores on SQLite; None if it is another text.

    SQLite compares times as text, so another text of the same time is earlier or later to it.
    """
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None or at.tzinfo or at.isoformat(" ", "microseconds") != value:
        return None
    return at.replace(tzinfo=UTC)


def mapping_of(value: object) -> dict[str, Any] | None:
    """Read a JSON object from its text; None if it is not one, or SQL may read another one.

    Of a repeated name SQLite reads the first value, and Python the last. SQLite before 3.45 does
    not find a name that is written with escapes.
    """
    if not isinstance(value, str) or ("\\" in value and _ESCAPED_PLAIN.search(value)):
        return None
    try:
        found = json.loads(value, object_pairs_hook=without_repetition)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def readable(
    session: AsyncSession, columns: Iterable[ColumnClause[Any]]
) -> list[ColumnElement[Any]]:
    """Select columns: a time as the text that SQLite stores, and a payload as text.

    Infinity and the like are another text. JSON may contain numbers too long for Python's parser.
    """
    if is_on_sqlite(session):
        return list(columns)
    found: list[ColumnElement[Any]] = []
    for each in columns:
        if each.name.endswith("_at"):
            found.append(_time_text(each))
        else:
            found.append(cast(each, Text).label(each.name) if each.name == "payload" else each)
    return found


def _time_text(time: ColumnClause[Any]) -> ColumnElement[Any]:
    # The same text under every DateStyle and zone.
    at = time.op("AT TIME ZONE")(literal_column("'UTC'"))
    as_stored = func.to_char(at, literal_column("'YYYY-MM-DD HH24:MI:SS.US'"))
    is_readable = time.between(
        literal_column("timestamptz '0001-01-01 00:00:00+00'"),
        literal_column("timestamptz '9999-12-31 23:59:59.999999+00'"),
    )
    return case((is_readable, as_stored), else_=cast(time, Text)).label(time.name)
