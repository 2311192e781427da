"""Lines of the log that would come again and again: one a minute, with how many were left out."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 60.0


class SparingLog:
    """Lets one line of a kind through in a minute."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def due(self, kind: str) -> int | None:
        """Return how many lines of a kind were left out since its last; None: leave this out."""
        now = self._monotonic()
        if now - self._told_at.get(kind, -EVERY_SECONDS) < EVERY_SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        self._told_at[kind] = now
        return self._left_out.pop(kind, 0)
