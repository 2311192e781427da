"""Orders the deletion of posted redacted recordings that were found to be unsafe."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.recordings.deliveries.deletable_files import VISIBLE
from bot.recordings.deliveries.delivery import ENDED
from bot.recordings.deliveries.file_check_schedule import AHEAD
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import LARGEST_CLOCK_SKEW, enqueue
from bot.store.tables import DeliveryRow


def of_recording(team_id: str, agent_name: str, conversation_id: str) -> ColumnElement[bool]:
    """Build the condition for all files of a call: after one differs, no side of it is trusted."""
    row = DeliveryRow
    return and_(
        row.team_id == team_id, row.agent_name == agent_name, row.conversation_id == conversation_id
    )


def posted_since(since: datetime) -> ColumnElement[bool]:
    """Build the condition for files that became visible from then on, or are under way.

    One under way may be shared under a decision that was taken just before.
    """
    row = DeliveryRow
    return or_(row.ended_at >= since - LARGEST_CLOCK_SKEW, row.ended_at.is_(None))


async def order_take_back(
    session: AsyncSession, cause: TakeBackCause, which: ColumnElement[bool], now: datetime
) -> int:
    """Order the deletion of redacted recordings, in the transaction that found them unsafe.

    The cause is also stored for deliveries under way: see ``schedule_ordered``. Those that are not
    redacted yet are locked as well. So their decision is stored before this transaction, which then
    orders their deletion, or after it; then the decision after their upload sees why they are
    unsafe. Returns the number of ordered deletions.
    """
    row = DeliveryRow
    visible_or_under_way = and_(
        which,
        row.taken_back_cause.is_(None),
        row.taken_back_at.is_(None),
        or_(row.state.in_(VISIBLE), row.state.not_in([state.value for state in ENDED])),
    )
    locked = select(row.id).where(visible_or_under_way).order_by(row.id).with_for_update()
    await session.execute(locked)
    ordered = (
        update(row)
        .where(visible_or_under_way, row.outcome == Outcome.REDACTED.value)
        .values(taken_back_cause=cause.value, must_go_since=now)
        .returning(row.id)
    )
    found = list(await session.scalars(ordered))
    for delivery_id in found:
        _schedule(session, delivery_id, now)
    return len(found)


def schedule_ordered(session: AsyncSession, row: Row[Any], now: datetime) -> None:
    """Schedule the deletion that was ordered while the delivery was under way, at its end."""
    if row.taken_back_cause:
        _schedule(session, row.id, now)


def _schedule(session: AsyncSession, delivery_id: str, now: datetime) -> None:
    enqueue(session, DueWorkKind.TAKE_BACK, delivery_id, now=now, due_at=now - AHEAD)
