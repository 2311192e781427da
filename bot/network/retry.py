"""The retry policy for both outside services.

Only ``retryable`` errors are retried, with exponential backoff and jitter. Calls that must not
happen twice (posting, completing an upload) never use it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from bot.errors import CallAudioError

T = TypeVar("T")

ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.5
# A waiting call occupies a slot that others need; durable work is postponed instead: see bot.jobs.
LONGEST_WAIT_SECONDS = 10.0
LONGEST_RETRY_AFTER_SECONDS = 86_400.0


async def retrying(
    call: Callable[[], Awaitable[T]],
    *,
    attempts: int = ATTEMPTS,
    max_wait_seconds: float = LONGEST_WAIT_SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Call until it succeeds, fails permanently, or the attempts are used up.

    A wait starts at 0.5 s, doubles, has up to 0.5 s of jitter and never exceeds
    ``max_wait_seconds``. The error's ``retry_after_seconds`` is the minimum wait; if it exceeds
    ``max_wait_seconds``, the error is raised at once.

    Args:
        call: makes a new awaitable for each attempt.
        attempts: all calls, including the first.
        max_wait_seconds: the longest wait between two attempts.
        sleep: how to wait; tests pass one that returns at once.

    Raises:
        CallAudioError: the last attempt's error, as it was raised.
    """
    backoff = wait_exponential_jitter(
        multiplier=FIRST_WAIT_SECONDS, max=max_wait_seconds, jitter=0.5
    )

    def worth_another(error: BaseException) -> bool:
        if not isinstance(error, CallAudioError) or not error.retryable:
            return False
        return (error.retry_after_seconds or 0.0) <= max_wait_seconds

    def wait_seconds(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, CallAudioError) else None
        return max(backoff(state), asked or 0.0)

    failed: list[CallAudioError] = []
    try:
        return await call()  # usually sufficient, and tenacity costs as much as a call
    except CallAudioError as error:
        if attempts == 1 or not worth_another(error):
            raise
        failed.append(error)

    async def attempt() -> T:  # tenacity awaits coroutine functions only; `call` may be a lambda
        if failed:
            raise failed.pop()  # the call above counts as the first attempt
        return await call()

    policy = AsyncRetrying(
        sleep=sleep,
        stop=stop_after_attempt(attempts),
        wait=wait_seconds,
        retry=retry_if_exception(worth_another),
        reraise=True,
    )
    result: T = await policy(attempt)
    return result


def backoff_seconds(tries: int, *, first: float, longest: float) -> float:
    """Return the wait before the next try: ``first``, doubled with each, at most ``longest``."""
    return min(longest, first * 2.0 ** min(tries, 30))


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After`` header, seconds or HTTP date, as seconds from ``now``.

    A date in the past is 0.0; more than a day becomes a day; anything unreadable is None.
    ``now`` is aware. Source: RFC 9110, 10.2.3.
    """
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000" means UTC
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
