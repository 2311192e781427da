"""Retention of old events: the chain is sealed with a checkpoint before they are removed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Row, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.audited_rights import sealed_rights
from bot.audit.checkpoints import Checkpoint, seal_payload
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import append, locked_head
from bot.audit.stored import checkpoint_of, checkpoint_rows
from bot.audit.walk import Head
from bot.store.tables import AuditCheckpointRow, AuditEventRow


@dataclass(frozen=True, slots=True)
class Sealed:
    """The result of sealing; the anchor proves the checkpoint and everything after it."""

    removed: int
    anchor: Head


async def seal(
    session: AsyncSession, team_id: str, *, before: datetime, by: str, now: datetime
) -> Sealed | None:
    """Seal the workspace's chain at its last event before ``before`` and remove up to it.

    The checkpoint keeps that event's number and hash, and an event of its own tells of it, of every
    earlier checkpoint and of the rights whose events go, so what remains still verifies. Anchors
    before the checkpoint prove nothing from then on. Gives None, and writes nothing, where there is
    nothing to remove.
    """
    if await _last(session, team_id, before) is None:
        return None
    # In line with the writers and with whoever else is sealing; only then is it known what is last.
    head = await locked_head(session, team_id)
    last = await _last(session, team_id, before)
    if last is None:
        return None
    read = (checkpoint_of(row) for row in await checkpoint_rows(session, team_id))
    earlier = [checkpoint for checkpoint in read if checkpoint]
    checkpoint = Checkpoint(team_id, last.seq, last.hash, now.astimezone(UTC), by)
    rights = await sealed_rights(session, team_id, last.seq)
    session.add(
        AuditCheckpointRow(
            team_id=team_id, seq=last.seq, hash=last.hash, sealed_at=now, sealed_by=by
        )
    )
    told = AuditEvent(
        tag=AuditTag.AUDIT_SEALED,
        team_id=team_id,
        actor_id=by,
        occurred_at=now,
        payload=seal_payload(checkpoint, earlier, rights),
    )
    anchor = await append(session, head, [told])
    # What somebody numbered below an earlier checkpoint stays, for `verify` to name.
    sealed = AuditEventRow.seq.between(earlier[-1].seq + 1 if earlier else 1, last.seq)
    removed = await session.execute(
        delete(AuditEventRow).where(AuditEventRow.team_id == team_id, sealed)
    )
    return Sealed(
        removed=cast("CursorResult[Any]", removed).rowcount,
        anchor=anchor,
    )


async def _last(session: AsyncSession, team_id: str, before: datetime) -> Row[int, str] | None:
    """Find the newest event before a time and after the last checkpoint."""
    passed = select(func.coalesce(func.max(AuditCheckpointRow.seq), 0)).where(
        AuditCheckpointRow.team_id == team_id
    )
    query = select(AuditEventRow.seq, AuditEventRow.hash).where(
        AuditEventRow.team_id == team_id,
        AuditEventRow.occurred_at < before,
        AuditEventRow.seq > passed.scalar_subquery(),
    )
    return (await session.execute(query.order_by(AuditEventRow.seq.desc()).limit(1))).first()
