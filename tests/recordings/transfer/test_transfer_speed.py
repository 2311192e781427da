"""The minimum speed of a transfer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.recordings.transfer.transfer_speed import MinimumSpeed
from tests.tables import each_row

MINIMUM_SPEED = MinimumSpeed(bytes_per_second=100, grace_seconds=10)


@each_row(
    ("pieces", "lasts_seconds"),
    [
        pytest.param([], 10, id="no bytes arrive: only the grace"),
        pytest.param([(1, 1)] * 8, 10.08, id="a byte a second earns next to nothing"),
        pytest.param([(1, 100)] * 1000, 1010, id="at the minimum speed it continues"),
        pytest.param([(9, 900)] * 1000, 9010, id="in bursts, too"),
        pytest.param([(0, 10**9), (9, 1)], 10.01, id="a quick beginning earns no more grace"),
        pytest.param([(0, 10**9), (11, 10**9)], 10, id="it stalls longer than the grace"),
    ],
)
def test_a_pause_uses_up_the_time_that_fast_bytes_earned(pieces, lasts_seconds):
    assert ended_at(pieces) == pytest.approx(lasts_seconds)


@given(st.lists(st.tuples(st.floats(0, 12), st.integers(0, 5000)), max_size=60))
def test_no_transfer_lasts_longer_than_its_size_allows(pieces):
    size = sum(moved for _, moved in pieces)
    assert (
        ended_at(pieces)
        <= MINIMUM_SPEED.grace_seconds + size / MINIMUM_SPEED.bytes_per_second + 1e-6
    )


@given(st.lists(st.tuples(st.floats(0.01, 10), st.floats(1, 50)), max_size=60))
def test_a_transfer_above_the_minimum_speed_is_never_ended(pieces):
    paced = [(seconds, int(seconds * 100 * factor) + 1) for seconds, factor in pieces]
    assert ended_at(paced) >= sum(seconds for seconds, _ in paced)


def ended_at(pieces: list[tuple[float, int]]) -> float:
    """Return when a transfer is ended whose pieces have these intervals."""
    now, end = 0.0, MINIMUM_SPEED.grace_seconds
    for seconds, moved in pieces:
        if now + seconds > end:
            return end
        now += seconds
        end = MINIMUM_SPEED.next_end(end, now, moved)
    return end
