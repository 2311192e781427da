"""Which files of deliveries may be deleted, and are visible as far as is known."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.audit.events import SYSTEM_ACTOR, AuditTag
from bot.audit.log import record
from bot.recordings.deliveries.delivery import State, event_of
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.store.tables import DeliveryRow

# An unconfirmed file may become visible later.
VISIBLE = (State.DELIVERED.value, State.UNCONFIRMED.value)


def deletable() -> tuple[ColumnElement[bool], ...]:
    """Build the condition for files that may be deleted, and are visible as far as is known."""
    # A failed delivery is included only if its file could not be deleted at its end.
    undeleted = and_(DeliveryRow.state == State.FAILED.value, DeliveryRow.recheck_at.is_not(None))
    return (
        or_(DeliveryRow.state.in_(VISIBLE), undeleted),
        or_(
            DeliveryRow.outcome == Outcome.RAW.value,
            DeliveryRow.delete_asked_by.is_not(None),
            DeliveryRow.taken_back_cause.is_not(None),
        ),
        DeliveryRow.taken_back_at.is_(None),
    )


async def record_out_of_reach(session: AsyncSession, team_id: str, now: datetime) -> int:
    """Record each file that Slack no longer lets the bot delete; returns their number."""
    deletable_here = select(DeliveryRow).where(DeliveryRow.team_id == team_id, *deletable())
    files = [delivery_of(row) for row in await session.scalars(deletable_here)]
    for each in files:
        payload = {"file_id": each.file_id, "channel_id": each.channel_id}
        tag = AuditTag.FILE_OUT_OF_REACH
        event = event_of(each, tag, payload, actor_id=SYSTEM_ACTOR, now=now)
        await record(session, event)
    return len(files)
