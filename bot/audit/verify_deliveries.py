"""Compares deliveries with their audit events, and finds workspaces without any event."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator
from itertools import chain
from typing import Any, Final

from sqlalchemy import Row, and_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import DELETIONS, REQUESTS, AuditTag
from bot.audit.findings import ChainFault, ChainFinding, at_event, has_instead, plain, refers_to
from bot.audit.stored import EVENTS, consecutive, mapping_of, readable, streamed, untyped

_COMPARED: Final = ("user_id", "conversation_id", "outcome", "reason", "destination_channel_id")
_DELIVERIES: Final = untyped("deliveries", "id", "team_id", "taken_back_at", *_COMPARED)
# The columns that an event of each tag sets, and the name of each value in its payload.
_SET: Final[dict[str, dict[str, str]]] = {
    AuditTag.DELIVERY_REQUESTED: {"conversation_id": "conversation_id"},
    AuditTag.DELIVERY_DOWNGRADED: {"conversation_id": "conversation_id", "user_id": "subject_id"},
    AuditTag.DELIVERY_DECIDED: {"outcome": "outcome", "reason": "reason"},
    AuditTag.DELIVERY_TIGHTENED: {"outcome": "to", "reason": "reason"},
    AuditTag.DELIVERY_DELIVERED: {"destination_channel_id": "channel_id"},
    AuditTag.DELIVERY_UNCONFIRMED: {"destination_channel_id": "channel_id"},
}
_Moves = dict[tuple[object, str], set[str]]
_Recorded = tuple[object, Row[Any]]


# The events up to a checkpoint were deleted; they are older than the first event after it. So a
# delivery that is older than that event has no event.
_UNAUDITED: Final = text(
    "SELECT d.team_id, d.id FROM deliveries AS d WHERE NOT EXISTS (SELECT 1 FROM audit_events AS e "
    "WHERE e.delivery_id = d.id AND e.team_id = d.team_id AND e.tag IN (:requested, :downgraded)) "
    "AND NOT coalesce(d.requested_at < (SELECT f.occurred_at FROM audit_events AS f "
    "WHERE f.team_id = d.team_id AND f.seq > (SELECT max(c.seq) FROM audit_checkpoints AS c "
    "WHERE c.team_id = d.team_id) ORDER BY f.seq LIMIT 1), FALSE) "
    "ORDER BY d.team_id, d.requested_at"
).bindparams(requested=REQUESTS[0], downgraded=REQUESTS[1])
# One row for each delivery that an event names as pruned. The database compares them with the
# missing deliveries, because there may be millions. A payload of another shape names none.
_PRUNED: Final = {
    "sqlite": (
        "SELECT e.team_id, named.value AS id FROM audit_events AS e, json_each("
        "CASE WHEN e.tag = :pruned AND json_valid(e.payload) THEN e.payload ELSE '{}' END, "
        "'$.deliveries') AS named WHERE e.tag = :pruned"
    ),
    "postgresql": (
        "SELECT e.team_id, named.id FROM audit_events AS e CROSS JOIN LATERAL "
        "jsonb_array_elements_text(CASE jsonb_typeof(e.payload -> 'deliveries') WHEN 'array' "
        "THEN e.payload -> 'deliveries' ELSE '[]' END) AS named(id) WHERE e.tag = :pruned"
    ),
}
_GONE: Final = {
    dialect: text(
        f"SELECT e.team_id, e.seq, e.delivery_id FROM audit_events AS e "  # noqa: S608 - no value
        f"LEFT JOIN ({pruned}) AS p ON p.team_id = e.team_id AND p.id = e.delivery_id "
        "WHERE e.tag IN (:requested, :downgraded) AND p.id IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.id = e.delivery_id "
        "AND d.team_id = e.team_id) ORDER BY e.team_id, e.seq"
    ).bindparams(requested=REQUESTS[0], downgraded=REQUESTS[1], pruned=AuditTag.DELIVERIES_PRUNED)
    for dialect, pruned in _PRUNED.items()
}
_WITHOUT_CHAIN: Final = text(
    "SELECT t.team_id, (SELECT count(*) FROM deliveries AS d WHERE d.team_id = t.team_id), "
    "(SELECT count(*) FROM grants AS g WHERE g.team_id = t.team_id) FROM "
    "(SELECT team_id FROM deliveries UNION SELECT team_id FROM grants) AS t WHERE NOT EXISTS "
    "(SELECT 1 FROM audit_events AS e WHERE e.team_id = t.team_id) ORDER BY t.team_id"
)


async def without_chain(session: AsyncSession) -> list[ChainFinding]:
    """Find the workspaces that have deliveries or rights, but no event."""
    found = await session.execute(_WITHOUT_CHAIN)
    return [
        ChainFinding(
            plain(team_id),
            None,
            ChainFault.CHAIN_MISSING,
            f"there are {deliveries} deliveries and {rights} grants and denies, and no events",
        )
        for team_id, deliveries, rights in found
    ]


async def unaudited_deliveries(
    session: AsyncSession, without_chain: Collection[str]
) -> AsyncIterator[ChainFinding]:
    """Find deliveries without an event, and events without their delivery that was not pruned."""
    async for row in streamed(session, _UNAUDITED):
        if plain(row.team_id) not in without_chain:
            says = f"no event records the request of delivery {plain(row.id)}"
            yield ChainFinding(plain(row.team_id), None, ChainFault.DELIVERY_UNAUDITED, says)
    async for row in streamed(session, _GONE[session.get_bind().dialect.name]):
        event = f"event {plain(row.seq)} refers to delivery {plain(row.delivery_id)}"
        says = f"{event}, which is missing, and no event records its pruning"
        yield at_event(row, ChainFault.DELIVERY_GONE, says)


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
        if event.tag in REQUESTS:  # so no later event was sealed away
            recorded["taken_back_at"] = (None, event)
        elif event.tag in DELETIONS:
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
        says = f"delivery {plain(row.delivery_id)}, which {has_instead(name, is_now, was)}"
        yield at_event(event, ChainFault.DELIVERY_ALTERED, refers_to(event, says))
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
    selected = [events.seq, events.team_id, events.tag, events.actor_id, events.delivery_id]
    selected += [events.payload, events.occurred_at, deliveries.taken_back_at]
    selected += [deliveries[name] for name in _COMPARED]
    query = (
        select(*readable(session, selected))
        .select_from(EVENTS.join(_DELIVERIES, is_its))
        .where(events.tag.in_([*_SET, *DELETIONS]))
        .order_by(events.delivery_id, events.team_id, events.seq)
    )
    return streamed(session, query)


async def _moves(session: AsyncSession) -> _Moves:
    """Read which channels got which other ids."""
    found: defaultdict[tuple[object, str], set[str]] = defaultdict(set)
    events = EVENTS.c
    query = select(*readable(session, (events.team_id, events.payload)))
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
