"""Finds the slots of a digest that are due, and claims them; after an outage some are skipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.digests.slot_claims import SlotClaims
from bot.digests.timetable_text import timetable_of
from bot.store.due_work import Due

# A morning digest is still useful in the evening; the next day there is a new one.
LONGEST_GRACE: Final = timedelta(hours=12)
# Older slots are not even counted as missed.
LONGEST_OUTAGE: Final = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The rule for slots after an outage: the newest ones are posted if they are not too old.

    Attributes:
        slots: the maximum number of slots to post.
        grace: how late a slot may still be posted.
        intervals: the same limit, as a multiple of the interval to the next slot.
    """

    slots: int = 1
    grace: timedelta = LONGEST_GRACE
    intervals: float = 0.5

    def count_skipped(self, due: Sequence[datetime], following: datetime, now: datetime) -> int:
        """Count the oldest slots that are skipped; the others are posted.

        Args:
            due: when slots were due, oldest first, at least one, none in the future.
            following: when the next one will be due.
            now: the time.
        """
        grace = min(self.grace, self.intervals * (following - due[-1]))
        return len(due) - sum(now - each <= grace for each in due[-self.slots :])


async def claim_due_slots(claims: SlotClaims, rule: CatchUp, due: Due) -> datetime | None:
    """Claim the slots of a digest that came due since the last check.

    A late start, a sleeping machine and an unreachable database all look the same here: slots
    without a row. Returns when the next slot is due; None: the digest is paused or gone.
    """
    active = await claims.active(due.key)
    if active is None:
        return None
    digest, unclaimed_since = active
    timetable = timetable_of(digest)
    now = claims.clock()
    following = timetable.after(now)
    since = max(unclaimed_since, now - LONGEST_OUTAGE)
    slots = timetable.slots(tuple(timetable.between(since, now)))
    if slots:
        skipped = rule.count_skipped([slot.due_at for slot in slots], following, now)
        await claims.claim(digest, slots[skipped:], slots[:skipped])
    return following
