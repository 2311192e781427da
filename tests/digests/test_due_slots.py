"""Which slots are posted after an outage: the newest one, if it is not too old."""

from datetime import timedelta

import pytest

from bot.digests.due_slots import CatchUp
from tests.conftest import NOON
from tests.tables import each_row

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@each_row(
    ("late", "following", "skipped"),
    [
        pytest.param([0 * HOUR], DAY, 0, id="it is due right now"),
        pytest.param([6 * HOUR], 18 * HOUR, 0, id="six hours late is in time"),
        pytest.param([12 * HOUR], 12 * HOUR, 0, id="twelve hours late is posted"),
        pytest.param([13 * HOUR], 11 * HOUR, 1, id="more are too late"),
        pytest.param([13 * HOUR], 6 * DAY, 1, id="for a weekly one as well"),
        pytest.param([3 * DAY, 2 * DAY, DAY, HOUR], 23 * HOUR, 3, id="only the newest of several"),
        pytest.param([20 * MINUTE, 5 * MINUTE], 10 * MINUTE, 1, id="half of a short interval"),
        pytest.param(
            [25 * MINUTE, 10 * MINUTE], 5 * MINUTE, 2, id="in its second half the next one is near"
        ),
    ],
)
def test_the_newest_slot_is_posted_late_within_its_grace(late, following, skipped):
    due = [NOON - each for each in late]

    assert CatchUp().count_skipped(due, NOON + following, NOON) == skipped
