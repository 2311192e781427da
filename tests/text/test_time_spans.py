"""Moments of a recording as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.time_spans import format_time, parse_time_span
from tests.tables import each_row


@each_row(
    ("text", "seconds"),
    [
        ("0:05.2-0:10.4", (5.2, 10.4)),
        ("0:00-1:00", (0, 60)),
        ("75:30-75:31.125", (4530, 4531.125)),
        ("1:02:03-1:02:04", (3723, 3724)),
    ],
)
def test_a_span_is_read(text, seconds):
    assert parse_time_span(text) == pytest.approx(seconds)


@each_row("text", ["", "5-10", "0:05", "0:10-0:05", "0:05-0:05", "a:05-0:10"])
def test_an_invalid_span_is_refused(text):
    with pytest.raises(ValueError, match="a span"):
        parse_time_span(text)


@given(st.integers(0, 35_999))
def test_a_formatted_time_is_read_back_unchanged(tenths):
    start, _ = parse_time_span(f"{format_time(tenths / 10)}-10:00:00")
    assert start == pytest.approx(tenths / 10)
