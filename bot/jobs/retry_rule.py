"""When work that failed is tried again: how often, and how long after each try."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import CallAudioError
from bot.network.retry import backoff_seconds


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and how long a temporary failure of Slack or PolyAI is retried: 15 minutes.

    Attributes:
        attempts: all tries, including the first.
        first_wait_seconds: the wait after the first try; it doubles with each one after that.
        max_wait_seconds: the longest wait between two tries.
        max_asked_seconds: the longest wait that a service may ask for.
    """

    attempts: int = 20
    first_wait_seconds: float = 1.0
    max_wait_seconds: float = 60.0
    max_asked_seconds: float = 900.0

    def again_at(self, error: CallAudioError, tries: int, now: datetime) -> datetime | None:
        """Return when to try again; None if the error is permanent, or the tries are used up.

        The times are jittered, so that work that failed together is not retried together.
        """
        asked = error.retry_after_seconds or 0.0
        is_last = tries + 1 >= self.attempts
        if not error.retryable or is_last or asked > self.max_asked_seconds:
            return None
        wait = backoff_seconds(tries, first=self.first_wait_seconds, longest=self.max_wait_seconds)
        spread = random.uniform(0.75, 1.25)  # noqa: S311 - no secret depends on it
        return now + timedelta(seconds=max(wait * spread, asked))
