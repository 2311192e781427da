"""Limits how often one person may press buttons whose answer needs calls to Slack at once."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from bot.errors import TooManyLookups

MOST: Final = 20
"""Two thirds of the calls that all people share, so that one person cannot use them up."""
SECONDS: Final = 60.0


class LookupLimit:
    """Counts the presses of each person within the last minute, in this process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._recent: dict[str, deque[float]] = {}

    def count(self, user_id: str) -> None:
        """Count one press.

        Raises:
            TooManyLookups: the person has pressed too often; this press does not count.
        """
        now = self._monotonic()
        for each, pressed in list(self._recent.items()):
            while pressed and pressed[0] <= now - SECONDS:
                pressed.popleft()
            if not pressed:
                del self._recent[each]
        recent = self._recent.setdefault(user_id, deque())
        if len(recent) >= MOST:
            raise TooManyLookups(retry_after_seconds=recent[0] + SECONDS - now)
        recent.append(now)
