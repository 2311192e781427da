"""A repeated log line is written once a minute."""

from bot.observability.log_throttle import LogThrottle


def test_one_event_of_a_kind_is_logged_a_minute_with_the_number_of_suppressed_ones():
    now = 100.0
    throttle = LogThrottle(monotonic=lambda: now)
    assert [throttle.due("full") for _ in range(3)] == [0, None, None]
    assert throttle.due("away") == 0
    now = 159.9
    assert throttle.due("full") is None
    now = 160.0
    assert [throttle.due("full"), throttle.due("full")] == [3, None]
