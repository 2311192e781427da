"""Rate limit for repeated log lines: one a minute, with the number of suppressed ones."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 60.0


class LogThrottle:
    """Allows one line of a kind per minute."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def due(self, kind: str) -> int | None:
        """Return how many lines of a kind were suppressed; None: suppress this one."""
        now = self._monotonic()
        if now - self._logged_at.get(kind, -EVERY_SECONDS) < EVERY_SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        self._logged_at[kind] = now
        return self._left_out.pop(kind, 0)
