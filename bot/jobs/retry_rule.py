"""One try of a piece of work: a failure is retried with backoff, or reported."""

import random
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import CallAudioError, Unexpected
from bot.network.retry import backoff_seconds
from bot.observability.logs import get_logger
from bot.store.due_work import Due
from bot.store.failures import is_away

log = get_logger(__name__)


class WorkerDied(CallAudioError):
    """Every worker that ran a piece of work died while running it."""

    code = "worker_died"
    what = "This was not done: callaudio itself stopped each time it tried."
    likely_cause = "What was asked for makes it stop, or its machine has too little memory."
    fix = "Tell the callaudio operator the reference."


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


async def attempt(work: Awaitable[None], due: Due) -> CallAudioError | None:
    """Run one try; returns its error, if any. Raises if the database is away."""
    try:
        await work
    except CallAudioError as error:
        log.info("attempt_failed", kind=due.kind, key=due.key, code=error.code, tries=due.tries)
        return error
    except Exception as error:
        if is_away(error):
            raise
        # A bug is reported to people too; the reference id leads from their message to this line.
        log.exception("attempt_broke", kind=due.kind, key=due.key)
        return Unexpected()
    return None
