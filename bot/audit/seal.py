"""Retention of old events: the chain is sealed with a checkpoint before they are removed."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Row, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.chain import Checkpoint, Head, seal_payload
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import append, locked_head
from bot.audit.stored import checkpoint_of, checkpoint_rows
from bot.audit.verify_rights import sealed_rights
from bot.store.tables import AuditCheckpointRow, AuditEventRow


@dataclass(frozen=True, slots=True)
class Sealed:
    """The result of sealing; the anchor proves the checkpoint and everything after it."""

    removed: int
    anchor: Head


async def seal(
    session: AsyncSession, team_id: str, *, before: datetime, by: str, now: datetime
) -> Sealed | None:
    """Seal and remove the workspace's events before the first one dated ``before`` or later.

    The clocks of machines differ: events behind that one stay, even if their times are earlier.

    The checkpoint stores the number and hash of that event. A new event records the checkpoint, all
    earlier checkpoints and the rights whose events are removed, so the rest still verifies. Anchors
    before the checkpoint prove nothing from then on. Returns None and writes nothing if there is
    nothing to remove.
    """
    if await _last(session, team_id, before) is None:
        return None
    # Wait for writers and for other seals first: only then is the last event known.
    head = await locked_head(session, team_id)
    last = await _last(session, team_id, before)
    if last is None:
        return None
    read = (checkpoint_of(row) for row in await checkpoint_rows(session, team_id))
    earlier = [checkpoint for checkpoint in read if checkpoint]
    checkpoint = Checkpoint(team_id, last.seq, last.hash, now.astimezone(UTC), by)
    rights = await sealed_rights(session, team_id, last.seq)
    session.add(AuditCheckpointRow(**asdict(checkpoint)))
    event = AuditEvent(
        tag=AuditTag.AUDIT_SEALED,
        team_id=team_id,
        actor_id=by,
        occurred_at=now,
        payload=seal_payload(checkpoint, earlier, rights),
    )
    anchor = await append(session, head, [event])
    # Events numbered below an earlier checkpoint stay: `verify` reports them.
    sealed = AuditEventRow.seq.between(earlier[-1].seq + 1 if earlier else 1, last.seq)
    removed = await session.execute(
        delete(AuditEventRow).where(AuditEventRow.team_id == team_id, sealed)
    )
    return Sealed(removed=cast("CursorResult[Any]", removed).rowcount, anchor=anchor)


async def _last(session: AsyncSession, team_id: str, before: datetime) -> Row[int, str] | None:
    """Find the last event before the first one dated ``before`` or later, after all checkpoints."""
    passed = select(func.coalesce(func.max(AuditCheckpointRow.seq), 0)).where(
        AuditCheckpointRow.team_id == team_id
    )
    row = AuditEventRow
    of_chain = (row.team_id == team_id, row.seq > passed.scalar_subquery())
    kept = await session.scalar(
        select(func.min(row.seq)).where(*of_chain, row.occurred_at >= before)
    )
    query = select(row.seq, row.hash).where(*of_chain).order_by(row.seq.desc()).limit(1)
    return (await session.execute(query if kept is None else query.where(row.seq < kept))).first()
