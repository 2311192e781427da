"""Has redacted recordings deleted that a check found to differ: something in them is audible."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.recordings.deliveries.deletable_files import VISIBLE
from bot.recordings.deliveries.delivery import ENDED
from bot.recordings.deliveries.file_check_schedule import AHEAD
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import DeliveryRow


async def order_take_back(
    session: AsyncSession, *, team_id: str, agent_name: str, conversation_id: str, now: datetime
) -> None:
    """Order the deletion of each redacted recording of a call, in the transaction of its check.

    The cause is also stored for deliveries under way: see ``schedule_ordered``.
    """
    row = DeliveryRow
    ordered = (
        update(row)
        .where(
            row.team_id == team_id,
            row.agent_name == agent_name,
            row.conversation_id == conversation_id,
            row.outcome == Outcome.REDACTED.value,
            row.taken_back_cause.is_(None),
            row.taken_back_at.is_(None),
            or_(row.state.in_(VISIBLE), row.state.not_in([state.value for state in ENDED])),
        )
        .values(taken_back_cause=TakeBackCause.REDACTION_DIFFERS.value, must_go_since=now)
        .returning(row.id)
    )
    for delivery_id in await session.scalars(ordered):
        _schedule(session, delivery_id, now)


def schedule_ordered(session: AsyncSession, row: Row[Any], now: datetime) -> None:
    """Schedule the deletion that was ordered while the delivery was under way, at its end."""
    if row.taken_back_cause:
        _schedule(session, row.id, now)


def _schedule(session: AsyncSession, delivery_id: str, now: datetime) -> None:
    enqueue(session, DueWorkKind.TAKE_BACK, delivery_id, now=now, due_at=now - AHEAD)
