"""Compares deliveries with what their newest audit events record."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, column, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditTag
from bot.audit.stored import (
    EVENTS,
    consecutive,
    is_number,
    json_text,
    mapping_of,
    streamed,
    time_text,
)
from bot.audit.walk import ChainFault, ChainFinding, plain

_COMPARED: Final = ("user_id", "conversation_id", "outcome", "reason", "destination_channel_id")
_TAKEN_BACK: Final = (AuditTag.FILE_TAKEN_BACK, AuditTag.FILE_DELETED)
# Without types, like the audit tables: any column may hold any value.
_DELIVERIES: Final = table(
    "deliveries", *(column(name) for name in ("id", "team_id", "taken_back_at", *_COMPARED))
)
# The columns that an event of each tag sets, and the name of each value in its payload.
_SET: Final[dict[str, dict[str, str]]] = {
    AuditTag.DELIVERY_REQUESTED: {"conversation_id": "conversation_id"},
    AuditTag.DELIVERY_DOWNGRADED: {"conversation_id": "conversation_id", "user_id": "subject_id"},
    AuditTag.DELIVERY_DECIDED: {"outcome": "outcome", "reason": "reason"},
    AuditTag.DELIVERY_TIGHTENED: {"outcome": "to", "reason": "reason"},
    AuditTag.DELIVERY_DELIVERED: {"destination_channel_id": "channel_id"},
    AuditTag.DELIVERY_UNCONFIRMED: {"destination_channel_id": "channel_id"},
}
_REQUESTED: Final = (AuditTag.DELIVERY_REQUESTED, AuditTag.DELIVERY_DOWNGRADED)
_Moves = dict[tuple[object, str], set[str]]
_Recorded = tuple[object, Row[Any]]


async def contradicted_deliveries(session: AsyncSession) -> AsyncIterator[ChainFinding]:
    """Find deliveries that differ from their events, in bounded memory.

    Compared are the requester, the conversation, the decision, the destination and when the file
    was taken back.
    """
    moves = await _moves(session)
    rows = _events_with_rows(session)
    async for its in consecutive(rows, lambda row: (row.team_id, row.delivery_id)):
        for finding in _differences(its, moves):
            yield finding


def _differences(events: list[Row[Any]], moves: _Moves) -> Iterator[ChainFinding]:
    """Compare one delivery with its events, oldest first; name the most important difference."""
    row = events[0]
    recorded: dict[str, _Recorded] = {}
    for event in events:
        payload = mapping_of(event.payload) or {}
        if event.tag == AuditTag.DELIVERY_REQUESTED:
            recorded["user_id"] = (event.actor_id, event)
        if event.tag in _REQUESTED:  # so no later event was sealed away
            recorded["taken_back_at"] = (None, event)
        elif event.tag in _TAKEN_BACK:
            recorded["taken_back_at"] = _taken_back(payload, event, recorded.get("taken_back_at"))
        for name, of_payload in _SET.get(event.tag, {}).items():
            if of_payload in payload:
                recorded[name] = (payload[of_payload], event)
    for name in (*_COMPARED, "taken_back_at"):
        is_now = getattr(row, name)
        was, event = recorded.get(name, (is_now, row))
        if is_now == was:
            continue
        if name == "destination_channel_id" and is_now in _moved(moves, row.team_id, was):
            continue
        says = (
            f"event {plain(event.seq)} ({plain(event.tag)}) refers to delivery "
            f"{plain(row.delivery_id)}, which has {name} = {plain(is_now)} instead of {plain(was)}"
        )
        seq = event.seq if is_number(event.seq) else None
        yield ChainFinding(plain(row.team_id), seq, ChainFault.DELIVERY_ALTERED, says)
        return


def _taken_back(payload: dict[str, Any], event: Row[Any], recorded: _Recorded | None) -> _Recorded:
    """Return when the row has to say that its file was taken back, according to one event.

    An event without a picture in its payload is about a file that the row no longer names, or is of
    version 0.1.0. It proves nothing about the row, so the row's own time is accepted.
    """
    if "picture_file_id" in payload:
        return event.occurred_at, event
    if recorded and recorded[0] is not None:
        return recorded
    return event.taken_back_at, event


def _events_with_rows(session: AsyncSession) -> AsyncIterator[Row[Any]]:
    """Stream the events that set a compared column, of one delivery after the other."""
    events, deliveries = EVENTS.c, _DELIVERIES.c
    is_its = and_(deliveries.id == events.delivery_id, deliveries.team_id == events.team_id)
    selected: list[ColumnElement[Any]] = [events.seq, events.team_id, events.tag, events.actor_id]
    selected += [events.delivery_id, json_text(session, events.payload)]
    selected += [
        time_text(session, each) for each in (events.occurred_at, deliveries.taken_back_at)
    ]
    query = (
        select(*selected, *(deliveries[name] for name in _COMPARED))
        .select_from(EVENTS.join(_DELIVERIES, is_its))
        .where(events.tag.in_([*_SET, *_TAKEN_BACK]))
        .order_by(events.delivery_id, events.team_id, events.seq)
    )
    return streamed(session, query)


async def _moves(session: AsyncSession) -> _Moves:
    """Read which channels got which other ids."""
    found: defaultdict[tuple[object, str], set[str]] = defaultdict(set)
    events = EVENTS.c
    query = select(events.team_id, json_text(session, events.payload))
    async for row in streamed(session, query.where(events.tag == AuditTag.CHANNEL_MOVED)):
        payload = mapping_of(row.payload) or {}
        old, new = payload.get("from"), payload.get("to")
        if isinstance(old, str) and isinstance(new, str):
            found[row.team_id, old].add(new)
    return found


def _moved(moves: _Moves, team_id: object, channel_id: object) -> set[str]:
    """Return the later ids of a channel."""
    found: set[str] = set()
    new = {channel_id} if isinstance(channel_id, str) else set()
    while new:
        found |= new
        new = set(chain.from_iterable(moves.get((team_id, each), ()) for each in new)) - found
    return found
