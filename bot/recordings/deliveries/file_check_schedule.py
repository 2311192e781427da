"""The regular checks of visible files, and how often they run."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.due_work import Due
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import LARGEST_CLOCK_SKEW, enqueue
from bot.store.tables import DeliveryRow

IN_TURN: Final = "in turn"
"""The key of checks in turn: one file after another, at a rate that all workers share."""

AHEAD: Final = timedelta(days=3650)
"""Subtracted from the due time of urgent work. No work is ever overdue by as much, so urgent work
precedes all other work of its kind."""

# Slack allows about a hundred `files.info` a minute, and each delivery needs a few. A recording
# with its picture is two calls, so this leaves deliveries more than half.
SHARES_A_ROUND: Final = 20


@dataclass(frozen=True, slots=True)
class FileCheckSchedule:
    """How long raw files stay, and how often each is checked."""

    keep: timedelta | None
    """None: without a time limit."""
    check_every: timedelta

    def began_after(self, due: Due, now: datetime) -> datetime:
        """Return the earliest time of what a check finds: its event, or the previous check."""
        if due.due_at is None:
            return now
        told_at = due.due_at + AHEAD
        return told_at if told_at <= now + LARGEST_CLOCK_SKEW else due.due_at - self.check_every

    @property
    def shares_every(self) -> timedelta:
        """The interval between two checks of shares, over all workers."""
        return self.check_every / SHARES_A_ROUND


def conversation_key(team_id: str, channel_id: str) -> str:
    """Build the key of the check of one conversation."""
    return f"{team_id}/{channel_id}"


def watch_file(
    session: AsyncSession,
    row: DeliveryRow | Row[*tuple[Any, ...]],
    *,
    now: datetime,
    check_schedule: FileCheckSchedule,
) -> None:
    """Schedule the checks of a raw file, in the transaction that marks it visible.

    The first check is after the usual interval, or at once if an event arrived during the delivery,
    because the last decision may be older than that event.
    """
    later = now + check_schedule.check_every
    key = conversation_key(row.team_id, row.destination_channel_id or "")
    first = now - AHEAD if row.recheck_at else later
    enqueue(session, DueWorkKind.CHECK_AUDIENCE, key, now=now, due_at=first, joins=True)
    enqueue(session, DueWorkKind.CHECK_SHARES, IN_TURN, now=now, due_at=later, joins=True)
    if row.recheck_at:
        enqueue(session, DueWorkKind.CHECK_SHARES, row.id, now=now, due_at=first)
    if check_schedule.keep is not None:
        enqueue(session, DueWorkKind.TAKE_BACK, row.id, now=now, due_at=now + check_schedule.keep)
