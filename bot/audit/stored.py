"""Reads the audit tables without assumptions: any column may hold any value."""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Executable,
    Row,
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

from bot.audit.chain import HASH_LENGTH, Link
from bot.audit.checkpoints import Checkpoint

BATCH: Final = 2000

_OF_EVENTS: Final = (
    "id",
    "seq",
    "team_id",
    "tag",
    "actor_id",
    "delivery_id",
    "version",
    "previous_hash",
    "hash",
)
_OF_CHECKPOINTS: Final = ("team_id", "seq", "hash", "sealed_by")
# Without types, so that an invalid time or invalid JSON is returned instead of failing.
EVENTS: Final = table(
    "audit_events", *(column(name) for name in (*_OF_EVENTS, "occurred_at", "payload"))
)
_HEADS: Final = table("audit_heads", *(column(name) for name in ("team_id", "seq", "hash")))
# An escape of a character that the bot writes as itself.
_ESCAPED_PLAIN: Final = re.compile(
    r"(?<!\\)(?:\\\\)*\\(?:/|u00(?:[2-6][0-9a-f]|7[0-9a-e]))", re.IGNORECASE
)
_CHECKPOINTS: Final = table(
    "audit_checkpoints", *(column(name) for name in (*_OF_CHECKPOINTS, "sealed_at"))
)


async def events(session: AsyncSession) -> AsyncIterator[Sequence[Row[Any]]]:
    """Stream every event of every workspace, chain by chain, in bounded memory."""
    columns = EVENTS.c
    selected: list[ColumnElement[Any]] = [columns[name] for name in _OF_EVENTS]
    selected += [time_text(session, columns.occurred_at), json_text(session, columns.payload)]
    query = select(*selected).order_by(columns.team_id, columns.seq, columns.id)
    result = await session.stream(query, execution_options={"yield_per": BATCH})
    try:
        async for rows in result.partitions():
            yield rows
    finally:
        await result.close()


async def head_rows(session: AsyncSession) -> Sequence[Row[Any]]:
    """Read every head."""
    return (await session.execute(select(_HEADS).order_by(_HEADS.c.team_id))).all()


async def checkpoint_rows(session: AsyncSession, team_id: str | None = None) -> Sequence[Row[Any]]:
    """Read every checkpoint, or those of one workspace, oldest first."""
    columns = _CHECKPOINTS.c
    selected: list[ColumnElement[Any]] = [columns[name] for name in _OF_CHECKPOINTS]
    selected.append(time_text(session, columns.sealed_at))
    query = select(*selected).order_by(columns.team_id, columns.seq)
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
    result = await session.stream(query, execution_options={"yield_per": BATCH})
    try:
        async for rows in result.partitions():
            for row in rows:
                yield row
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
        found = json.loads(value, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name is repeated"
        raise ValueError(msg)
    return found


def time_text(session: AsyncSession, time: ColumnClause[Any]) -> ColumnElement[Any]:
    """Select a time as the text that SQLite stores; infinity and the like as another text."""
    if _is_sqlite(session):
        return time
    # The same text under every DateStyle and zone.
    at = time.op("AT TIME ZONE")(literal_column("'UTC'"))
    as_stored = func.to_char(at, literal_column("'YYYY-MM-DD HH24:MI:SS.US'"))
    is_readable = time.between(
        literal_column("timestamptz '0001-01-01 00:00:00+00'"),
        literal_column("timestamptz '9999-12-31 23:59:59.999999+00'"),
    )
    return case((is_readable, as_stored), else_=cast(time, Text)).label(time.name)


def json_text(session: AsyncSession, json_: ColumnClause[Any]) -> ColumnElement[Any]:
    """Select JSON as text: it may contain numbers that are too long for Python's parser."""
    return json_ if _is_sqlite(session) else cast(json_, Text).label(json_.name)


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"
