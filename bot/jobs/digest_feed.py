"""Feeds the scheduler from the table of digests: changes count within seconds, anywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.digests.firing import Firing
from bot.jobs.scheduler import Scheduler
from bot.logs import get_logger

log = get_logger(__name__)

FEED: Final = "digest_feed"
FEED_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Plan:
    revision: int
    due_at: datetime


class DigestFeed:
    """Has each digest looked at when it is due, was changed, or was missed."""

    def __init__(
        self, *, firing: Firing, scheduler: Scheduler, clock: Callable[[], datetime]
    ) -> None:
        self._firing = firing
        self._scheduler = scheduler
        self._clock = clock
        self._plans: dict[str, _Plan] = {}

    def start(self, pause_seconds: float = FEED_SECONDS) -> None:
        """Compare with the table now and then again."""
        self._scheduler.every(pause_seconds, FEED, self.compare)

    def wake(self) -> None:
        """Compare now: a digest was changed in this process."""
        self._scheduler.wake(FEED)

    async def compare(self) -> None:
        """Take up what others left, and plan what is new, changed, or should have been done."""
        await self._firing.sweep()
        revisions = await self._firing.revisions()
        for digest_id in self._plans.keys() - revisions.keys():
            del self._plans[digest_id]
            self._scheduler.forget(_name(digest_id))
        now = self._clock()
        for digest_id, revision in revisions.items():
            plan = self._plans.get(digest_id)
            if plan is None or plan.revision != revision or plan.due_at <= now:
                await self._look(digest_id, revision)

    async def _look(self, digest_id: str, revision: int) -> None:
        try:
            due_at = await self._firing.look(digest_id)
        except Exception:
            # One that cannot be looked at must not keep the others from it; it is asked again.
            log.exception("digest_look_failed", digest_id=digest_id)
            return
        if due_at is None:
            return
        self._plans[digest_id] = _Plan(revision, due_at)
        if due_at > self._scheduler.time():  # else another clock is used, and the feed sees to it

            async def look() -> None:
                await self._look(digest_id, revision)

            self._scheduler.at(due_at, _name(digest_id), look)


def _name(digest_id: str) -> str:
    return f"digest {digest_id}"
