"""Which slots are posted after an outage: the newest one, if it is not too old."""

from datetime import datetime, timedelta

import pytest

from bot.digests.catch_up import CatchUp, plan_catch_up
from tests.conftest import NOON
from tests.tables import each_row

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@each_row(
    ("due", "following", "posted", "skipped"),
    [
        pytest.param([], DAY, [], [], id="nothing came due"),
        pytest.param([0 * HOUR], DAY, [0 * HOUR], [], id="it is due right now"),
        pytest.param([-6 * HOUR], 18 * HOUR, [-6 * HOUR], [], id="six hours late is in time"),
        pytest.param([-12 * HOUR], 12 * HOUR, [-12 * HOUR], [], id="twelve hours late is posted"),
        pytest.param([-13 * HOUR], 11 * HOUR, [], [-13 * HOUR], id="more are too late"),
        pytest.param([-13 * HOUR], 6 * DAY, [], [-13 * HOUR], id="for a weekly one as well"),
        pytest.param(
            [-3 * DAY, -2 * DAY, -DAY, -HOUR],
            23 * HOUR,
            [-HOUR],
            [-3 * DAY, -2 * DAY, -DAY],
            id="only the newest of several",
        ),
        pytest.param(
            [-20 * MINUTE, -5 * MINUTE],
            10 * MINUTE,
            [-5 * MINUTE],
            [-20 * MINUTE],
            id="within half of a short interval",
        ),
        pytest.param(
            [-25 * MINUTE, -10 * MINUTE],
            5 * MINUTE,
            [],
            [-25 * MINUTE, -10 * MINUTE],
            id="in its second half the next one is near enough",
        ),
    ],
)
def test_the_newest_slot_is_posted_late_within_its_grace(due, following, posted, skipped):
    def instants(offsets: list[timedelta]) -> tuple[datetime, ...]:
        return tuple(NOON + each for each in offsets)

    found = plan_catch_up(instants(due), NOON + following, NOON, CatchUp())

    assert (found.to_post, found.to_skip) == (instants(posted), instants(skipped))
