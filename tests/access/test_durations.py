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


REFUSED = {
    "nothing": "",
    "no unit": "8",
    "no number": "h",
    "an unknown unit": "8H",
    "a space between": "8 h",
    "zero": "0h",
    "a zero in front": "08h",
    "a negative number": "-8h",
    "a fraction": "1.5h",
    "two units": "8h30m",
    "longer than ten years": "3651d",
    "a minute longer than ten years": "5256001m",
    "more than seven digits": "10000000m",
}


@each_row("text", REFUSED.values(), ids=REFUSED)
def test_everything_else_is_refused_with_its_words_and_an_example(text):
    with pytest.raises(UsageError) as refused:
        parse_duration(text)
    assert refused.value.what == f"{quoted(text)} is not a duration."
    assert refused.value.fix == "Write it like 30m, 8h or 3d."
