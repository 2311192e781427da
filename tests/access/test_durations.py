"""Durations as people type them."""

from datetime import timedelta

import pytest

from bot.access.durations import parse_duration
from bot.errors import UsageError, quoted
from tests.tables import each_row


@each_row(
    ("text", "length"),
    [
        ("1m", timedelta(minutes=1)),
        ("90m", timedelta(minutes=90)),
        ("8h", timedelta(hours=8)),
        ("10d", timedelta(days=10)),
        (" 8h ", timedelta(hours=8)),
        ("3650d", timedelta(days=3650)),
        ("5256000m", timedelta(days=3650)),
    ],
)
def test_a_duration_is_a_number_with_its_unit(text, length):
    assert parse_duration(text) == length


@each_row(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("8", id="no unit"),
        pytest.param("h", id="no number"),
        pytest.param("8H", id="an unknown unit"),
        pytest.param("8 h", id="a space between"),
        pytest.param("0h", id="zero"),
        pytest.param("08h", id="a zero in front"),
        pytest.param("-8h", id="a negative number"),
        pytest.param("1.5h", id="a fraction"),
        pytest.param("8h30m", id="two units"),
        pytest.param("3651d", id="longer than ten years"),
        pytest.param("5256001m", id="a minute longer than ten years"),
        pytest.param("10000000m", id="more than seven digits"),
    ],
)
def test_everything_else_is_refused_with_its_words_and_an_example(text):
    with pytest.raises(UsageError) as refused:
        parse_duration(text)
    assert refused.value.what == f"{quoted(text)} is not a duration."
    assert refused.value.fix == "Write it like 30m, 8h or 3d."
