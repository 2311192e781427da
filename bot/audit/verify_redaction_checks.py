"""Compares redaction checks with the audit events of their ends."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnClause, Row, Select, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditTag
from bot.audit.findings import ChainFault, ChainFinding, at_event, has_instead, plain, refers_to
from bot.audit.stored import EVENTS, mapping_of, moment_of, readable, streamed, untyped

# The columns of a check, and the name of each value in the payload of its event.
_COMPARED: Final = {
    "verdict": "verdict",
    "conversation_id": "conversation_id",
    "cause": "cause",
    "agent_name": "agent",
    "direction": "direction",
}
# The check that an event names; a payload of another shape names none.
_CHECK_ID: Final = {
    "sqlite": "CASE WHEN json_valid(payload) THEN json_extract(payload, '$.check_id') END",
    "postgresql": "payload ->> 'check_id'",
}
# Found by one pass over the events: no index finds the event of a check. Those of checks that are
# older than the first event after a checkpoint were deleted.
_ENDED: Final = {
    dialect: text(
        f"WITH named AS MATERIALIZED (SELECT CAST({check_id} AS TEXT) AS check_id, "  # noqa: S608 - no value
        "team_id, seq, tag, actor_id, delivery_id AS of_delivery_id, "
        "CAST(payload AS TEXT) AS payload FROM audit_events WHERE tag = :checked) "
        "SELECT c.id, c.team_id, c.asked_by, c.delivery_id, c.verdict, c.conversation_id, c.cause, "
        "c.agent_name, c.direction, e.seq, e.tag, e.actor_id, e.of_delivery_id, e.payload "
        "FROM redaction_checks AS c "
        "LEFT JOIN named AS e ON e.check_id = c.id AND e.team_id = c.team_id "
        "WHERE c.ended_at IS NOT NULL AND (e.seq IS NOT NULL OR NOT coalesce(c.ended_at < "
        "(SELECT f.occurred_at FROM audit_events AS f WHERE f.team_id = c.team_id AND f.seq > "
        "(SELECT max(s.seq) FROM audit_checkpoints AS s WHERE s.team_id = c.team_id) "
        "ORDER BY f.seq LIMIT 1), FALSE)) ORDER BY c.team_id, c.ended_at, c.id"
    ).bindparams(checked=AuditTag.REDACTION_CHECKED.value)
    for dialect, check_id in _CHECK_ID.items()
}
# Both times are read when a check ends, one after the other.
_BETWEEN_TIMES: Final = timedelta(minutes=1)


async def contradicted_checks(session: AsyncSession) -> AsyncIterator[ChainFinding]:
    """Find ended checks without an event, that differ from it, or are gone, in bounded memory."""
    async for row in streamed(session, _ENDED[session.get_bind().dialect.name]):
        if row.seq is None:
            says = f"no event records the end of redaction check {plain(row.id)}"
            yield ChainFinding(plain(row.team_id), None, ChainFault.CHECK_UNAUDITED, says)
        elif difference := _difference(row):
            says = refers_to(row, f"redaction check {plain(row.id)}, which {difference}")
            yield at_event(row, ChainFault.CHECK_ALTERED, says)
    pruned_until = await _pruned_until(session)
    async for row in streamed(session, _missing(session)):
        ended_at, until = moment_of(row.occurred_at), pruned_until.get(row.team_id)
        if row.check_id is None or ended_at is None:
            continue  # an altered event, which its hash shows
        if until is None or ended_at >= until + _BETWEEN_TIMES:
            check = f"redaction check {plain(row.check_id)}"
            says = refers_to(row, f"{check}, which is missing and too recent to be pruned")
            yield at_event(row, ChainFault.CHECK_GONE, says)


def _missing(session: AsyncSession) -> Select[Any]:
    """Select the events of ended checks that have no row."""
    events, checks = EVENTS.c, untyped("redaction_checks", "id", "team_id")
    check_id: ColumnClause[str] = literal_column(
        f"CAST({_CHECK_ID[session.get_bind().dialect.name]} AS TEXT)"
    )
    row = select(checks.c.id).where(checks.c.id == check_id, checks.c.team_id == events.team_id)
    columns = readable(session, (events.team_id, events.seq, events.tag, events.occurred_at))
    return select(*columns, check_id.label("check_id")).where(
        events.tag == AuditTag.REDACTION_CHECKED.value, ~row.exists()
    )


async def _pruned_until(session: AsyncSession) -> dict[object, datetime]:
    """Read until when the checks of each workspace that ended may be pruned."""
    found: dict[object, datetime] = {}
    query = select(*readable(session, (EVENTS.c.team_id, EVENTS.c.payload)))
    pruned = query.where(EVENTS.c.tag == AuditTag.DELIVERIES_PRUNED.value)
    async for row in streamed(session, pruned):
        payload = mapping_of(row.payload) or {}
        try:
            before = datetime.fromisoformat(str(payload.get("ended_before")))
        except ValueError:
            continue
        if payload.get("checks") and before.tzinfo:
            found[row.team_id] = max(before, found.get(row.team_id, before))
    return found


def _difference(row: Row[Any]) -> str | None:
    """Describe the first difference between a check and its event."""
    payload = mapping_of(row.payload) or {}
    recorded = {name: payload.get(of_payload) for name, of_payload in _COMPARED.items()}
    recorded |= {"asked_by": row.actor_id, "delivery_id": row.of_delivery_id}
    for name, was in recorded.items():
        is_now = getattr(row, name)
        if is_now != was:
            return has_instead(name, is_now, was)
    return None
