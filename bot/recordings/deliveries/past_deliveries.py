"""Reads deliveries for lists: of a person, of a call, of a message."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.store.tables import DeliveryRow


@dataclass(frozen=True, slots=True)
class PastDelivery:
    """One delivery in a person's list."""

    id: str
    conversation_id: str
    requested_at: datetime
    channel_id: str
    """The destination, if it is determined."""
    state: State
    outcome: Outcome | None
    parent_ts: str | None
    share_ts: str | None
    error_code: str | None
    is_taken_back: bool
    length_seconds: float | None = None
    reason: str | None = None
    problem: str | None = None
    """The failure, worded for the requester."""
    notify_failed: bool = False
    """Whether the requester could not be notified of the end."""


async def past_deliveries(
    session: AsyncSession, team_id: str, user_id: str, limit: int
) -> tuple[PastDelivery, ...]:
    """Read a person's deliveries, the newest first."""
    query = (
        select(DeliveryRow)
        .where(DeliveryRow.team_id == team_id, DeliveryRow.user_id == user_id)
        .order_by(DeliveryRow.requested_at.desc(), DeliveryRow.id)
        .limit(limit)
    )
    return tuple(_past(row) for row in await session.scalars(query))


def deliveries_of_call(conversation_id: str) -> Select[str]:
    """Build the query for the ids of a call's deliveries."""
    return select(DeliveryRow.id).where(DeliveryRow.conversation_id == conversation_id)


async def deliveries_of_message(
    session: AsyncSession, channel_id: str, ts: str
) -> tuple[Delivery, ...]:
    """Read the deliveries whose card, file or thread a message is, the newest first."""
    row = DeliveryRow
    query = (
        select(row)
        .where(row.destination_channel_id == channel_id)
        .where(or_(row.parent_ts == ts, row.card_ts == ts, row.share_ts == ts))
        .order_by(row.requested_at.desc())
    )
    return tuple(delivery_of(each) for each in await session.scalars(query))


async def all_deliveries(session: AsyncSession) -> tuple[Delivery, ...]:
    """Read every delivery, for a store that holds few, such as the demo's."""
    return tuple(delivery_of(each) for each in await session.scalars(select(DeliveryRow)))


async def workspaces_with_deliveries(session: AsyncSession) -> frozenset[str]:
    """Return the workspaces in which recordings were requested."""
    return frozenset(await session.scalars(select(DeliveryRow.team_id).distinct()))


def _past(row: DeliveryRow) -> PastDelivery:
    return PastDelivery(
        id=row.id,
        conversation_id=row.conversation_id,
        requested_at=row.requested_at,
        channel_id=row.destination_channel_id or row.asked_channel_id,
        state=State(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        parent_ts=row.parent_ts,
        share_ts=row.share_ts,
        error_code=row.error_code,
        is_taken_back=row.taken_back_at is not None,
        length_seconds=row.length_seconds,
        reason=row.reason,
        problem=row.problem["what"] if row.problem else None,
        notify_failed=row.notify_failed_at is not None,
    )
