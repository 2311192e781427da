"""A line that would come again and again comes once a minute."""

from bot.observability.sparing_log import SparingLog


def test_one_event_of_a_kind_is_logged_a_minute_with_the_number_of_the_others():
    now = 100.0
    sparing = SparingLog(monotonic=lambda: now)
    assert [sparing.due("full") for _ in range(3)] == [0, None, None]
    assert sparing.due("away") == 0
    now = 159.9
    assert sparing.due("full") is None
    now = 160.0
    assert [sparing.due("full"), sparing.due("full")] == [3, None]
