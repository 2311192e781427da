"""How many deliveries may start now, so that Slack's narrowest limit suffices to finish them.

Each delivery decides twice, and each decision reads the conversation. Without this limit a burst
would spend the minute's calls on first decisions, and every delivery would wait for its second one.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.slack.web_api.budget import UNASKED, Budget
from bot.slack.web_api.limits import INFO
from bot.store.due_work import Due

CALLS_EACH: Final = 2
"""Calls of ``conversations.info`` in a delivery."""
MOST_AT_ONCE: Final = 16


class _Paid:
    """The calls of one delivery that were reserved before it started, by their times."""

    def __init__(self, budget: Budget, taken: Sequence[float | None]) -> None:
        self._budget = budget
        self._taken = list(taken)

    def use(self) -> bool:
        """Use one; returns whether one was left."""
        if not self._taken:
            return False
        taken_at = self._taken.pop(0)
        if taken_at is not None:
            self._budget.note_used(INFO, taken_at)
        return True


_PAID: ContextVar[_Paid | None] = ContextVar("paid", default=None)


def use_paid(method: str) -> bool:
    """Return whether this call was reserved before its delivery started, and use it."""
    paid = _PAID.get() if method == INFO else None
    return paid is not None and paid.use()


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that is reserved for a delivery not yet claimed."""

    taken_at: float
    is_in_ledger: bool


class Admission:
    """Reserves the calls of deliveries before they are claimed, more at a time if many wait."""

    def __init__(self, budget: Budget, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._monotonic = monotonic
        self._taken: deque[_Call] = deque()
        self._claimed: deque[_Call] = deque()
        self._step = 1
        self._again_at = 0.0
        self.again_seconds = 0.0
        """When to ask again after ``admit`` returned 0."""

    async def admit(self, room: int) -> int:
        """Return how many deliveries may be claimed."""
        self.again_seconds = self._budget.held_seconds(INFO)
        if self.again_seconds:
            return 0
        known = self._budget.limit_of(INFO, {})
        if known is None:
            return room
        key, limit = known
        now = self._monotonic()
        while self._taken and self._taken[0].taken_at <= now - limit.seconds:
            self._taken.popleft()
        wanted = CALLS_EACH * min(room, self._step) - len(self._taken)
        if wanted > 0 and now >= self._again_at:
            is_few = self._budget.unasked(key, limit) + wanted <= limit.calls // UNASKED
            is_unasked = is_few and self._budget.is_idle(key, limit)
            if is_unasked:
                self._budget.note_unasked(key, wanted)
                calls = wanted
            else:
                calls, again_seconds = await self._budget.take(key, limit, wanted)
                self._again_at = now + again_seconds if calls < wanted else 0.0
            self._taken.extend([_Call(now, not is_unasked)] * calls)
        self.again_seconds = max(0.0, self._again_at - now)
        return min(room, self._step, len(self._taken) // CALLS_EACH)

    def note_claimed(self, admitted: int, claimed: int) -> None:
        """Note how many of the admitted were claimed; the rest stays reserved for the next."""
        self._step = min(2 * self._step, MOST_AT_ONCE) if claimed == admitted else 1
        for _ in range(min(CALLS_EACH * claimed, len(self._taken))):
            self._claimed.append(self._taken.popleft())

    def paying(
        self, run: Callable[[Due], Awaitable[datetime | None]]
    ) -> Callable[[Due], Awaitable[datetime | None]]:
        """Run deliveries with the calls that are reserved for them."""

        async def paid(due: Due) -> datetime | None:
            calls = [self._claimed.popleft() for _ in range(min(CALLS_EACH, len(self._claimed)))]
            taken = [each.taken_at if each.is_in_ledger else None for each in calls]
            _PAID.set(_Paid(self._budget, taken))
            return await run(due)

        return paid
