"""Finds the slots of a digest that are due, and claims them."""

from datetime import datetime, timedelta
from typing import Final

from bot.digests.catch_up import CatchUp, plan_catch_up
from bot.digests.slot_claims import SlotClaims
from bot.digests.timetable_text import timetable_of
from bot.store.due_work import Due

# Older slots are not even counted as missed.
LONGEST_OUTAGE: Final = timedelta(days=35)


class DueSlots:
    """Checks a digest when one of its slots is due, or when it was changed."""

    def __init__(self, *, claims: SlotClaims, rule: CatchUp) -> None:
        self._claims = claims
        self._rule = rule

    async def run(self, due: Due) -> datetime | None:
        """Claim the due slots; returns when the next slot is due."""
        return await self.check(due.key)

    async def check(self, digest_id: str) -> datetime | None:
        """Claim the slots that came due since the last check; returns when the next slot is due.

        None: the digest is paused or gone. A late start, a sleeping machine and an unreachable
        database all look the same here: slots without a row.
        """
        active = await self._claims.active(digest_id)
        if active is None:
            return None
        timetable = timetable_of(active.digest)
        now = self._claims.clock()
        following = timetable.after(now)
        since = max(active.since, now - LONGEST_OUTAGE)
        due = tuple(timetable.between(since, now))
        plan = plan_catch_up(due, following, now, self._rule)
        if due:
            slots = timetable.slots(due)  # the newest are posted
            skipped = len(plan.to_skip)
            await self._claims.claim(active.digest, slots[skipped:], slots[:skipped])
        return following
