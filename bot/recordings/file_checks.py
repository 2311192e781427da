"""The due work that looks after visible files, and how often it does."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.schedule import schedule
from bot.store.tables import DeliveryRow

CHECK_AUDIENCE: Final = "check_audience"
"""Sees who can hear the raw files of one conversation; its key is ``conversation_key``."""
CHECK_SHARES: Final = "check_shares"
"""Asks Slack where one raw file is; its key is the delivery's id, or ``IN_TURN``."""
TAKE_BACK: Final = "take_back"
"""Deletes the files of a delivery whoever could hear them; its key is the delivery's id."""
IN_TURN: Final = "in turn"
"""One file after another, at a pace that all workers share."""

AHEAD: Final = timedelta(days=3650)
"""Longer than anything was ever left overdue: who is due for as long as that comes before them."""

# Slack allows about a hundred `files.info` a minute, and each delivery needs a few. A recording
# with its picture is two calls, so this leaves deliveries more than half.
SHARES_A_ROUND: Final = 20


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long raw files stay, and how often each is looked at."""

    keep: timedelta | None
    """None: for ever, as far as time goes."""
    check_every: timedelta

    @property
    def shares_every(self) -> timedelta:
        """How long, over all workers, from one file whose shares are asked for to the next."""
        return self.check_every / SHARES_A_ROUND


def conversation_key(team_id: str, channel_id: str) -> str:
    """Name the check of one conversation."""
    return f"{team_id}/{channel_id}"


def watch_file(
    session: AsyncSession,
    row: DeliveryRow | Row[*tuple[Any, ...]],
    *,
    now: datetime,
    rhythm: Rhythm,
) -> None:
    """Have a raw file looked after from now on, in the transaction that calls it visible.

    After a while, like all that is there; at once where an event came while it was on its way, as
    its last decision may have been taken before.
    """
    later = now + rhythm.check_every
    key = conversation_key(row.team_id, row.destination_channel_id or "")
    first = now - AHEAD if row.recheck_at else later
    schedule(session, CHECK_AUDIENCE, key, now=now, due_at=first, joins=True)
    schedule(session, CHECK_SHARES, IN_TURN, now=now, due_at=later, joins=True)
    if row.recheck_at:
        schedule(session, CHECK_SHARES, row.id, now=now, due_at=first)
    if rhythm.keep is not None:
        schedule(session, TAKE_BACK, row.id, now=now, due_at=now + rhythm.keep)
