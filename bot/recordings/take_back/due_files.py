"""Selects visible files to check: all of a conversation, the next in turn, or a single one.

The audience of a conversation is checked once for all its files. Where a file was forwarded to is
checked for each file, at a limited rate, because deliveries need the same calls.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from bot.recordings.deliveries.deletable_files import deletable
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.store.database import Database
from bot.store.enqueue import LARGEST_CLOCK_SKEW
from bot.store.tables import DeliveryRow

# One in this many checks is for the newest file not yet checked in this round, because people
# forward what they have just heard; the other checks take the files in turn.
NEWEST_EVERY: Final = 4


class DueFiles:
    """Reads the files to check; leases ensure that two workers never check the same file."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        check_schedule: FileCheckSchedule,
    ) -> None:
        self._database = database
        self._clock = clock
        self.check_schedule = check_schedule
        self._asked_in_turn = 0

    async def in_conversation(self, team_id: str, channel_id: str) -> list[Delivery]:
        """Return the visible raw files of a conversation that are not yet to be deleted."""
        which = select(DeliveryRow).where(
            *_watched(),
            DeliveryRow.team_id == team_id,
            DeliveryRow.destination_channel_id == channel_id,
            DeliveryRow.delete_asked_by.is_(None),
        )
        async with self._database.read() as session:
            return [delivery_of(row) for row in await session.scalars(which)]

    async def to_delete(self, delivery_id: str) -> Delivery | None:
        """Return a file that is to be deleted, or whose card does not show its deletion yet."""
        failed = and_(DeliveryRow.taken_back_at.is_not(None), DeliveryRow.recheck_at.is_not(None))
        which = select(DeliveryRow).where(
            DeliveryRow.id == delivery_id, or_(and_(*deletable()), failed)
        )
        async with self._database.read() as session:
            row = await session.scalar(which)
        return delivery_of(row) if row else None

    async def next_in_turn(self) -> Delivery | None:
        """Return the file whose shares are checked next; it is due again in the next round.

        An unverified file comes first, else the least recently checked one, and now and then the
        newest one.
        """
        due_at, now = DeliveryRow.shares_due_at, self._clock()
        # Stored by a worker whose clock was fast.
        too_late = now + self.check_schedule.check_every + LARGEST_CLOCK_SKEW
        is_newest_s_turn = self._asked_in_turn >= NEWEST_EVERY - 1
        order = DeliveryRow.ended_at.desc() if is_newest_s_turn else due_at
        due = (
            select(DeliveryRow.id)
            .where(*_watched(), or_(due_at <= now, due_at > too_late))
            .order_by(DeliveryRow.shares_unverified_since.is_(None), order)
            .limit(1)
        )
        found = await self._claim_check(DeliveryRow.id.in_(due))
        if found:
            self._asked_in_turn = 0 if is_newest_s_turn else self._asked_in_turn + 1
        return found

    async def by_id(self, delivery_id: str) -> Delivery | None:
        """Return the file of an event, out of turn."""
        return await self._claim_check(DeliveryRow.id == delivery_id)

    async def next_turn_at(self) -> datetime | None:
        """Return when the next check in turn is due; None if there is no raw file."""
        schedule, now = self.check_schedule, self._clock()
        first = select(func.min(DeliveryRow.shares_due_at)).where(*_watched())
        async with self._database.read() as session:
            due_at = await session.scalar(first)
        if due_at is None:
            return None
        return min(max(due_at, now + schedule.shares_every), now + schedule.check_every)

    def retention_ends_at(self, delivery: Delivery) -> datetime | None:
        """Return when the retention of a raw file ends; None: never."""
        keep, ended_at = self.check_schedule.keep, delivery.ended_at
        return ended_at + keep if delivery.is_raw and keep is not None and ended_at else None

    def has_retention_ended(self, delivery: Delivery) -> bool:
        """Return whether the retention of a raw file has ended."""
        ends_at = self.retention_ends_at(delivery)
        return ends_at is not None and ends_at <= self._clock()

    async def _claim_check(self, which: ColumnElement[bool]) -> Delivery | None:
        again_at = self._clock() + self.check_schedule.check_every
        statement = update(DeliveryRow).where(*_watched(), which)
        async with self._database.write() as session:
            row = await session.scalar(
                statement.values(shares_due_at=again_at).returning(DeliveryRow)
            )
        return delivery_of(row) if row else None


def _watched() -> tuple[ColumnElement[bool], ...]:
    """Build the condition for files that are raw, visible, and not yet to be taken back."""
    return (
        *deletable(),
        DeliveryRow.shares_due_at.is_not(None),
        DeliveryRow.taken_back_cause.is_(None),
    )
