"""How many deliveries may start now, so that Slack's narrowest limit suffices to finish them.

Each delivery decides twice, and each decision reads the conversation. Without this limit a burst
would spend the minute's calls on first decisions, and every delivery would wait for its second one.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.slack.web_api.published_limits import INFO
from bot.slack.web_api.rate_limiter import RateLimiter
from bot.slack.web_api.unstored_calls import UNSTORED_SHARE

CALLS_EACH: Final = 2
"""Calls of ``conversations.info`` in a delivery."""
MOST_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class _Call:
    """A call reserved for a delivery that is not yet claimed."""

    taken_at: float
    is_stored: bool


class Admission:
    """Reserves the calls of deliveries before they are claimed, more at a time if many wait."""

    def __init__(
        self, limiter: RateLimiter, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limiter = limiter
        self._monotonic = monotonic
        self._taken: deque[_Call] = deque()
        self._claimed: deque[_Call] = deque()
        self._step = 1
        self._again_at = 0.0
        self.again_seconds = 0.0
        """When to ask again after ``admit`` returned 0."""

    async def admit(self, room: int) -> int:
        """Return how many deliveries may be claimed."""
        self.again_seconds = self._limiter.held_seconds(INFO)
        if self.again_seconds:
            return 0
        known = self._limiter.limit_of(INFO, {})
        if known is None:
            return room
        key, limit = known
        now = self._monotonic()
        while self._taken and self._taken[0].taken_at <= now - limit.seconds:
            self._taken.popleft()
        wanted = CALLS_EACH * min(room, self._step) - len(self._taken)
        if wanted > 0 and now >= self._again_at:
            unstored = self._limiter.unstored
            is_few = unstored.count(key, limit) + wanted <= limit.calls // UNSTORED_SHARE
            is_unstored = is_few and unstored.is_idle(key, limit)
            if is_unstored:
                unstored.add(key, wanted)
                calls = wanted
            else:
                calls, again_seconds = await self._limiter.take(key, limit, wanted)
                self._again_at = now + again_seconds if calls < wanted else 0.0
            self._taken.extend([_Call(now, not is_unstored)] * calls)
        self.again_seconds = max(0.0, self._again_at - now)
        return min(room, self._step, len(self._taken) // CALLS_EACH)

    def note_claimed(self, admitted: int, claimed: int) -> None:
        """Note how many of the admitted were claimed; the rest stays reserved for the next."""
        self._step = min(2 * self._step, MOST_AT_ONCE) if claimed == admitted else 1
        for _ in range(min(CALLS_EACH * claimed, len(self._taken))):
            self._claimed.append(self._taken.popleft())

    def assign_reserved(self) -> None:
        """Assign the calls of one claimed delivery to the task that runs it."""
        calls = [self._claimed.popleft() for _ in range(min(CALLS_EACH, len(self._claimed)))]
        taken = (each.taken_at if each.is_stored else None for each in calls)
        self._limiter.unstored.reserve(taken)
