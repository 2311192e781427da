"""The retry policy, without waiting."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import CallAudioError
from bot.network.retry import LONGEST_WAIT_SECONDS, parse_retry_after, retrying
from tests.tables import each_row

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class PassingError(CallAudioError):
    retryable = True


class LastingError(CallAudioError):
    pass


async def run(*outcomes, **options):
    left, waits = list(outcomes), []

    async def call():
        outcome = left.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def sleep(seconds):
        waits.append(seconds)

    try:
        return await retrying(call, sleep=sleep, **options), waits
    except (CallAudioError, ValueError) as error:
        return error, waits


async def test_success_is_returned_without_a_wait():
    assert await run("done") == ("done", [])


async def test_a_temporary_error_is_retried_with_growing_intervals():
    result, waits = await run(PassingError(), PassingError(), PassingError(), "done")
    assert result == "done"
    for wait, least in zip(waits, (0.5, 1.0, 2.0), strict=True):
        assert least <= wait <= least + 0.5


async def test_the_last_error_is_raised_as_it_was():
    last = PassingError()
    result, waits = await run(PassingError(), last, attempts=2)
    assert result is last
    assert len(waits) == 1


@pytest.mark.parametrize("error", [LastingError(), ValueError()])
async def test_permanent_and_unknown_errors_are_raised_at_once(error):
    assert await run(error) == (error, [])


async def test_an_error_that_the_caller_excepts_is_raised_at_once():
    error = PassingError()
    assert await run(error, except_for=(PassingError,)) == (error, [])


async def test_a_retry_after_is_the_minimum_wait():
    assert (await run(PassingError(retry_after_seconds=7), "done"))[1] == [7]
    assert 0.5 <= (await run(PassingError(retry_after_seconds=0.1), "done"))[1][0] <= 1.0


async def test_an_error_that_asks_for_a_longer_wait_is_raised_at_once():
    error = PassingError(retry_after_seconds=LONGEST_WAIT_SECONDS + 1)
    assert await run(error, "done") == (error, [])
    longest = PassingError(retry_after_seconds=LONGEST_WAIT_SECONDS)
    assert await run(longest, "done") == ("done", [LONGEST_WAIT_SECONDS])


async def test_waits_never_exceed_the_longest():
    _, waits = await run(*[PassingError()] * 9, attempts=9)
    assert max(waits) == LONGEST_WAIT_SECONDS


@each_row(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("9" * 400, 86_400.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 20 Nov 2027 11:00:00 GMT", 86_400.0),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert parse_retry_after(header, NOW) == seconds
    berlin = NOW.astimezone(tz=type(UTC)(timedelta(hours=1)))
    assert parse_retry_after(header, berlin) == seconds
