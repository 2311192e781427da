"""Writing audit events inside the caller's transaction, and reading them back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import PAYLOAD_VERSION, AuditEvent
from bot.store.tables import AuditEventRow


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events to read; None leaves a field open."""

    since: datetime | None = None
    until: datetime | None = None
    actor_id: str | None = None
    delivery_id: str | None = None
    limit: int = 100


def record(session: AsyncSession, event: AuditEvent) -> None:
    """Add the event to the caller's transaction: it stands or falls with the change it tells of."""
    session.add(
        AuditEventRow(
            occurred_at=event.occurred_at,
            team_id=event.team_id,
            tag=event.tag.value,
            actor_id=event.actor_id,
            delivery_id=event.delivery_id,
            version=PAYLOAD_VERSION,
            payload=dict(event.payload),
        )
    )


async def read_events(session: AsyncSession, wanted: AuditFilter) -> Sequence[AuditEventRow]:
    """Read the newest matching events, oldest of them first."""
    query = select(AuditEventRow).order_by(AuditEventRow.id.desc()).limit(wanted.limit)
    if wanted.since:
        query = query.where(AuditEventRow.occurred_at >= wanted.since)
    if wanted.until:
        query = query.where(AuditEventRow.occurred_at < wanted.until)
    if wanted.actor_id:
        query = query.where(AuditEventRow.actor_id == wanted.actor_id)
    if wanted.delivery_id:
        query = query.where(AuditEventRow.delivery_id == wanted.delivery_id)
    return list(reversed((await session.scalars(query)).all()))
