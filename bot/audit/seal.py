"""Retention of old events: the chain is sealed with a checkpoint before they are removed."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.store.tables import AuditCheckpointRow, AuditEventRow


async def seal(
    session: AsyncSession, team_id: str, *, before: datetime, by: str, now: datetime
) -> int:
    """Seal the workspace's chain at its last event before ``before`` and remove up to it.

    The checkpoint keeps that event's number and hash, and an event of its own tells of it, so what
    remains still verifies. Gives how many events were removed.
    """
    query = select(AuditEventRow.seq, AuditEventRow.hash).where(
        AuditEventRow.team_id == team_id, AuditEventRow.occurred_at < before
    )
    last = (await session.execute(query.order_by(AuditEventRow.seq.desc()).limit(1))).first()
    if last is None:
        return 0
    session.add(
        AuditCheckpointRow(
            team_id=team_id, seq=last.seq, hash=last.hash, sealed_at=now, sealed_by=by
        )
    )
    await record(
        session,
        AuditEvent(
            tag=AuditTag.AUDIT_SEALED,
            team_id=team_id,
            actor_id=by,
            occurred_at=now,
            payload={"sealed_seq": last.seq, "sealed_hash": last.hash},
        ),
    )
    removed = await session.execute(
        delete(AuditEventRow).where(AuditEventRow.team_id == team_id, AuditEventRow.seq <= last.seq)
    )
    return cast("CursorResult[Any]", removed).rowcount
