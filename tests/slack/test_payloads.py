"""Where a press happened, as Slack's payload tells it."""

import pytest

from bot.slack.payloads import thread_of


@pytest.mark.parametrize(
    ("body", "thread_ts"),
    [
        ({"message": {"ts": "2.0"}, "container": {"message_ts": "2.0"}}, "2.0"),
        ({"message": {"ts": "2.0", "thread_ts": "1.0"}}, "1.0"),
        ({"container": {"message_ts": "2.0", "thread_ts": "1.0"}, "message": {"ts": "2.0"}}, "1.0"),
        ({"container": {"message_ts": "2.0"}}, "2.0"),
        ({"container": {"view_id": "V1"}}, None),
        ({}, None),
    ],
)
def test_the_thread_of_a_press_is_that_of_its_message(body, thread_ts):
    assert thread_of(body) == thread_ts
