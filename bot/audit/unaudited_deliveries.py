"""Compares deliveries with the audit events of their requests, and finds lost chains."""

from collections.abc import AsyncIterator, Collection
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditTag
from bot.audit.stored import streamed
from bot.audit.walk import ChainFault, ChainFinding, plain

_REQUESTED: Final = {
    "requested": AuditTag.DELIVERY_REQUESTED.value,
    "downgraded": AuditTag.DELIVERY_DOWNGRADED.value,
}
# The events up to a checkpoint were deleted; they are older than the first event after it. So a
# delivery that is older than that event has no event.
_UNAUDITED: Final = text(
    "SELECT d.team_id, d.id FROM deliveries AS d WHERE NOT EXISTS (SELECT 1 FROM audit_events AS e "
    "WHERE e.delivery_id = d.id AND e.team_id = d.team_id AND e.tag IN (:requested, :downgraded)) "
    "AND NOT coalesce(d.requested_at < (SELECT f.occurred_at FROM audit_events AS f "
    "WHERE f.team_id = d.team_id AND f.seq > (SELECT max(c.seq) FROM audit_checkpoints AS c "
    "WHERE c.team_id = d.team_id) ORDER BY f.seq LIMIT 1), FALSE) "
    "ORDER BY d.team_id, d.requested_at"
).bindparams(**_REQUESTED)
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
    ).bindparams(**_REQUESTED, pruned=AuditTag.DELIVERIES_PRUNED.value)
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
        seq = row.seq if isinstance(row.seq, int) else None
        yield ChainFinding(plain(row.team_id), seq, ChainFault.DELIVERY_GONE, says)
