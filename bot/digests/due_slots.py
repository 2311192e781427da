"""Finds the slots of a digest that are due, and claims them."""

from datetime import datetime, timedelta
from typing import Final

from bot.digests.missed import CatchUp, sort_out
from bot.digests.slot_claims import SlotClaims
from bot.digests.timetable_text import timetable_of
from bot.store.due_work import Due

# Slots from before are not even counted as missed.
LONGEST_OUTAGE: Final = timedelta(days=35)


class DueSlots:
    """Looks at a digest when a slot of it is due, or when it was changed."""

    def __init__(self, *, claims: SlotClaims, rule: CatchUp) -> None:
        self._claims = claims
        self._rule = rule

    async def run(self, due: Due) -> datetime | None:
        """Claim what has come due; gives when the next slot is, as work that is due again."""
        return await self.check(due.key)

    async def check(self, digest_id: str) -> datetime | None:
        """Claim what has come due since the last look; gives when the next slot is due.

        None: it is paused or gone. A late start, a sleeping machine and a database that was away
        are all the same here: slots of which no row tells.
        """
        watched = await self._claims.watched(digest_id)
        if watched is None:
            return None
        timetable = timetable_of(watched.digest)
        now = self._claims.clock()
        following = timetable.after(now)
        since = max(watched.since, now - LONGEST_OUTAGE)
        sorted_out = sort_out(tuple(timetable.between(since, now)), following, now, self._rule)
        if sorted_out.to_post or sorted_out.to_skip:
            await self._claims.claim(
                watched.digest,
                [timetable.slot(each) for each in sorted_out.to_post],
                [timetable.slot(each) for each in sorted_out.to_skip],
            )
        return following
