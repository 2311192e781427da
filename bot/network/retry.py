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
# A waiting call occupies a slot that others need; durable work is postponed instead: see bot.jobs.
LONGEST_WAIT_SECONDS = 10.0
BACKOFF = wait_exponential_jitter(multiplier=0.5, max=LONGEST_WAIT_SECONDS, jitter=0.5)
LONGEST_RETRY_AFTER_SECONDS = 86_400.0


async def retrying(
    call: Callable[[], Awaitable[T]],
    *,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    except_for: tuple[type[CallAudioError], ...] = (),
) -> T:
    """Call until it succeeds, fails permanently, or the attempts are used up.

    A wait starts at 0.5 s, doubles, has up to 0.5 s of jitter and never exceeds
    ``LONGEST_WAIT_SECONDS``. The error's ``retry_after_seconds`` is the minimum wait; if it is
    longer than that, the error is raised at once.

    Args:
        call: makes a new awaitable for each attempt.
        attempts: all calls, including the first.
        sleep: how to wait; tests pass one that returns at once.
        except_for: errors that are not retried here although they are ``retryable``.

    Raises:
        CallAudioError: the last attempt's error, as it was raised.
    """

    def is_worth_another(error: BaseException) -> bool:
        return (
            isinstance(error, CallAudioError)
            and error.retryable
            and not isinstance(error, except_for)
            and _asked_seconds(error) <= LONGEST_WAIT_SECONDS
        )

    policy = AsyncRetrying(
        sleep=sleep,
        stop=stop_after_attempt(attempts),
        wait=_wait_seconds,
        retry=retry_if_exception(is_worth_another),
        reraise=True,
    )
    async for attempt in policy:
        with attempt:
            return await call()
    raise AssertionError  # the policy returns or raises


def _asked_seconds(error: BaseException | None) -> float:
    return (isinstance(error, CallAudioError) and error.retry_after_seconds) or 0.0


def _wait_seconds(state: RetryCallState) -> float:
    asked_seconds = _asked_seconds(state.outcome.exception() if state.outcome else None)
    return max(BACKOFF(state), asked_seconds)


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
