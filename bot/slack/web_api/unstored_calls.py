"""Calls that one process made without the shared store, so that an idle delivery costs no query."""

import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Final

from bot.concurrency.urgency import Urgency
from bot.slack.web_api.published_limits import INFO, Limit
from bot.slack.web_api.rate_limit_stores import Since

UNSTORED_SHARE: Final = 10
"""One in this many calls of a limit may be made without the store."""
PROGRESS_SHARE: Final = 2
"""One in this many, for updates of progress."""
QUIET_SECONDS: Final = 10.0
CALM_SECONDS: Final = 60.0
"""After this long without a query, a process may post without the store."""

_RESERVED: ContextVar[deque[float | None] | None] = ContextVar("reserved", default=None)


class UnstoredCalls:
    """Counts the calls, by the key of their limit, until the store counts them."""

    def __init__(self, monotonic: Callable[[], float], scale: float) -> None:
        self._monotonic = monotonic
        self._scale = scale
        self._made: defaultdict[str, deque[float]] = defaultdict(deque)
        self._taken: defaultdict[str, list[float]] = defaultdict(list)
        self._stored_at: dict[str, float] = {}
        self._last_stored_at = -math.inf

    def add(self, key: str, calls: int = 1) -> None:
        """Count calls that are made now without the store."""
        self._made[key].extend([self._monotonic()] * calls)

    def reserve(self, taken: Iterable[float | None]) -> None:
        """Reserve calls of ``conversations.info`` for the current task.

        ``taken``: when each was taken from the store; None if it was not.
        """
        _RESERVED.set(deque(taken))

    def use_reserved(self, method: str) -> bool:
        """Use a reserved call, and count it now; returns whether one was left."""
        reserved = _RESERVED.get()
        if method != INFO or not reserved:
            return False
        taken_at = reserved.popleft()
        if taken_at is not None:
            self._taken[INFO].append(taken_at)
            self.add(INFO)
        return True

    def count(self, key: str, limit: Limit) -> int:
        """Count the calls recently made without the store."""
        return len(self._recent(key, limit))

    def pop(self, key: str, limit: Limit) -> Since:
        """Return the calls that the store has to count; from now on they are stored."""
        now = self._monotonic()
        since = Since(
            made=[now - at for at in self._recent(key, limit)],
            taken=[now - at for at in self._taken.pop(key, ())],
        )
        self._made[key].clear()
        self._stored_at[key] = self._last_stored_at = now
        return since

    def is_idle(self, key: str, limit: Limit) -> bool:
        """Return whether this process has not used the store recently."""
        stored_at = self._stored_at.get(key)
        return stored_at is None or self._monotonic() - stored_at > limit.seconds

    def has_room(self, key: str, limit: Limit, urgency: Urgency) -> bool:
        """Return whether a call may be made without the store."""
        if not self.is_idle(key, limit):
            return False
        recent = self._recent(key, limit)
        if limit.calls == 1:
            now = self._monotonic()
            is_quiet = not recent or now - recent[-1] > QUIET_SECONDS * self._scale
            # Under load, other processes probably post there as well.
            return is_quiet and now - self._last_stored_at > CALM_SECONDS * self._scale
        share = PROGRESS_SHARE if urgency is Urgency.PROGRESS else UNSTORED_SHARE
        return len(recent) < limit.calls // share

    def _recent(self, key: str, limit: Limit) -> deque[float]:
        kept_seconds = max(limit.seconds, QUIET_SECONDS * self._scale)
        recent, since = self._made[key], self._monotonic() - kept_seconds
        while recent and recent[0] < since:
            recent.popleft()
        return recent
