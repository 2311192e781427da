"""Compares redaction checks with the audit events of their ends."""

from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditTag
from bot.audit.stored import is_number, mapping_of, streamed
from bot.audit.walk import ChainFault, ChainFinding, plain

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


async def contradicted_checks(session: AsyncSession) -> AsyncIterator[ChainFinding]:
    """Find ended checks without an event, and those that differ from it, in bounded memory.

    Checks that are gone are not found: pruning records only their number.
    """
    async for row in streamed(session, _ENDED[session.get_bind().dialect.name]):
        if row.seq is None:
            says = f"no event records the end of redaction check {plain(row.id)}"
            yield ChainFinding(plain(row.team_id), None, ChainFault.CHECK_UNAUDITED, says)
        elif difference := _difference(row):
            seq = row.seq if is_number(row.seq) else None
            yield ChainFinding(plain(row.team_id), seq, ChainFault.CHECK_ALTERED, difference)


def _difference(row: Row[Any]) -> str | None:
    """Return the first difference between a check and its event, in words."""
    payload = mapping_of(row.payload) or {}
    recorded = {name: payload.get(of_payload) for name, of_payload in _COMPARED.items()}
    recorded |= {"asked_by": row.actor_id, "delivery_id": row.of_delivery_id}
    for name, was in recorded.items():
        is_now = getattr(row, name)
        if is_now != was:
            return (
                f"event {plain(row.seq)} ({plain(row.tag)}) refers to redaction check "
                f"{plain(row.id)}, which has {name} = {plain(is_now)} instead of {plain(was)}"
            )
    return None
