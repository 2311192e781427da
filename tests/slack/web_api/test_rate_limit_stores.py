"""How many calls a sliding window allows now, and what its stores count for other processes."""

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.published_limits import PUBLISHED_LIMITS
from bot.slack.web_api.published_limits import PUBLISHED, Limit, limited_by
from bot.slack.web_api.rate_limit_stores import (
    MARGIN,
    MemoryRateLimitStore,
    RateLimitStore,
    SharedRateLimitStore,
    Since,
    Spent,
    hold,
    spend,
)
from bot.store.database import Database
from tests.tables import each_row

LIMIT = Limit(10, 60.0)
LASTS = 60.0 * MARGIN
NOW = 1000.0


@each_row(
    ("spent", "since", "wanted", "allowed", "again"),
    [
        ((), Since(), 4, 4, 0.01),
        ((), Since(), 12, 10, LASTS),
        (((NOW + 5, 8),), Since(), 4, 2, 5),
        (((NOW + 5, 10),), Since(), 4, 0, 5),
        # Calls outside of the window do not count.
        (((NOW, 10),), Since(), 4, 4, 0.01),
        # Calls that the store has not counted yet do, if they are inside.
        ((), Since([1] * 9), 4, 1, LASTS - 1),
        ((), Since([99] * 9), 4, 4, 0.01),
        # A call counts from when it was made, not taken.
        (((NOW - 50 + LASTS, 10),), Since([20], [50]), 1, 0, LASTS - 50),
    ],
)
def test_each_window_allows_its_number_of_calls(spent, since, wanted, allowed, again):
    _, found = spend(Spent(spent), LIMIT, wanted=wanted, now=NOW, since=since)

    assert (found.calls, found.again_seconds) == (allowed, pytest.approx(again))


def test_a_call_that_was_made_later_than_it_was_taken_counts_once_and_for_longer():
    taken = Spent(((NOW - 50 + LASTS, 10),))

    spent, _ = spend(taken, LIMIT, wanted=0, now=NOW, since=Since([20], [50]))

    assert spent.calls == ((NOW - 50 + LASTS, 9), (NOW - 20 + LASTS, 1))


def test_nothing_is_allowed_while_slack_asks_to_wait():
    held = hold(Spent(), seconds=30, now=NOW)

    _, found = spend(held, LIMIT, wanted=1, now=NOW, since=Since())
    assert (found.calls, found.again_seconds) == (0, 30)
    assert spend(held, LIMIT, wanted=1, now=NOW + 30, since=Since())[1].calls == 1


@each_row(("calls", "again"), [((), 20), (((NOW + LASTS, 10),), LASTS)])
def test_a_clock_that_is_set_back_prolongs_no_wait_beyond_its_own_length(calls, again):
    held = hold(hold(Spent(calls), seconds=30, now=NOW), seconds=5, now=NOW + 10)
    back = NOW - 3600

    spent, found = spend(held, LIMIT, wanted=1, now=back, since=Since())

    assert (found.calls, found.again_seconds) == (0, pytest.approx(again))
    assert spend(spent, LIMIT, wanted=1, now=back + LASTS, since=Since())[1].calls == 1


@pytest.fixture
async def stores(
    request: pytest.FixtureRequest,
) -> AsyncIterator[tuple[RateLimitStore, RateLimitStore]]:
    """Two stores with one window: of two processes on PostgreSQL, or the same one in memory."""
    if request.param == "memory":
        memory = MemoryRateLimitStore()
        yield memory, memory
        return
    url = request.getfixturevalue("migrated_postgresql")()
    databases = Database(url), Database(url)
    yield SharedRateLimitStore(databases[0]), SharedRateLimitStore(databases[1])
    for each in databases:
        await each.close()


@pytest.mark.parametrize("stores", ["memory", "shared"], indirect=True)
async def test_calls_and_holds_of_one_process_count_for_another(stores):
    one, other = stores

    assert (await one.take("m", LIMIT, 7, since=Since())).calls == 7
    assert (await other.take("m", LIMIT, 7, since=Since())).calls == 3
    none = await one.take("m", LIMIT, 1, since=Since(made=[1.0], taken=[1.0]))
    assert none.calls == 0
    assert 55 < none.again_seconds <= LASTS
    assert (await one.take("another", LIMIT, 1, since=Since())).calls == 1

    await one.hold("held", 45)
    held = await other.take("held", LIMIT, 1, since=Since())
    assert held.calls == 0
    assert 40 < held.again_seconds <= 45


def test_the_limits_are_those_that_the_stand_in_enforces():
    for method, calls in PUBLISHED_LIMITS.items():
        if method in PUBLISHED:
            assert PUBLISHED[method] == Limit(calls, 60.0), method
    assert PUBLISHED.keys() <= PUBLISHED_LIMITS.keys()


def test_posts_are_counted_by_their_conversation():
    keys = {limited_by("chat.postMessage", {"channel": each}) for each in ("C1", "C2")}

    assert {key for key, _ in keys if key} == {"chat.postMessage C1", "chat.postMessage C2"}
    assert limited_by("auth.test", {}) is None
