"""Finds out what is due, claims it, and hands it to the job engine."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from bot.digests.claims import Claims
from bot.digests.missed import CatchUp, sort_out
from bot.digests.runs import RunKey
from bot.digests.timetable_text import timetable_of
from bot.logs import get_logger

log = get_logger(__name__)

# Slots from before are not even counted as missed.
LONGEST_OUTAGE: Final = timedelta(days=35)
BATCH: Final = 50


class Firing:
    """Every worker looks at every digest; the store lets one of them have each slot."""

    def __init__(
        self,
        *,
        claims: Claims,
        enqueue: Callable[[str], Awaitable[None]],
        rule: CatchUp,
    ) -> None:
        self._claims = claims
        self._enqueue = enqueue
        self._rule = rule

    async def revisions(self) -> dict[str, int]:
        """List the digests that are not paused, each with its revision."""
        return await self._claims.revisions()

    async def look(self, digest_id: str) -> datetime | None:
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
        due = sort_out(tuple(timetable.between(since, now)), following, now, self._rule)
        if due.to_post or due.to_skip:
            claimed = await self._claims.claim(
                watched.digest,
                [timetable.slot(each) for each in due.to_post],
                [timetable.slot(each) for each in due.to_skip],
            )
            for key in claimed:
                await self._hand_over(key)
        return following

    async def sweep(self) -> int:
        """Hand over what was claimed by somebody who did not come to it; gives how much."""
        keys = await self._claims.undispatched(BATCH)
        for key in keys:
            await self._hand_over(key)
        return len(keys)

    async def _hand_over(self, key: RunKey) -> None:
        await self._enqueue(str(key))
        await self._claims.mark_dispatched(key)
