"""Timetables as people type them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.digests.timetable_text import TimetableUnclear, TooOften, timetable_for_people
from bot.errors import UsageError
from tests.examples import examples
from tests.tables import each_row

UNHURRIED = settings(deadline=None, max_examples=examples(20))


@each_row(
    ("typed", "cron"),
    [
        pytest.param("09:00 mon-fri", "0 9 * * mon-fri", id="a time and a range of days"),
        pytest.param("at 09:00 every day", "0 9 * * *", id="every day"),
        pytest.param("9:05", "5 9 * * *", id="a time without days is every day"),
        pytest.param("17:30 weekdays", "30 17 * * mon-fri", id="weekdays"),
        pytest.param("10:00 weekends", "0 10 * * sat,sun", id="weekends"),
        pytest.param("09:00 mon,wed", "0 9 * * mon,wed", id="a list of days"),
        pytest.param("09:00 on Monday and Friday", "0 9 * * mon,fri", id="days in full"),
        pytest.param("every monday at 09:00", "0 9 * * mon", id="the days first"),
        pytest.param("09:00 fri-mon", "0 9 * * mon,fri,sat,sun", id="over the end of the week"),
        pytest.param("09:00 mon-sun", "0 9 * * *", id="the whole week"),
        pytest.param("0 9 * * 1", "0 9 * * mon", id="cron: 1 is Monday"),
        pytest.param("0 9 * * 1-5", "0 9 * * mon-fri", id="cron: 1-5 is Monday to Friday"),
        pytest.param("0 9 * * 0", "0 9 * * sun", id="cron: 0 is Sunday"),
        pytest.param("0 9 * * 7", "0 9 * * sun", id="cron: 7 is Sunday too"),
        pytest.param("0 9 * * 5-7", "0 9 * * fri-sun", id="cron: to Sunday as 7"),
        pytest.param("0 9 * * 0-6", "0 9 * * *", id="cron: all of the week"),
        pytest.param("0 9 * * */2", "0 9 * * tue,thu,sat,sun", id="cron: every other from Sunday"),
        pytest.param("0 9 * * mon-fri", "0 9 * * mon-fri", id="cron: days by name"),
        pytest.param("0 9 1 jan-mar *", "0 9 1 1-3 *", id="cron: months by name"),
        pytest.param("`0 9 * * *`", "0 9 * * *", id="as code"),
        pytest.param("*/15 9-17 * * 1-5", "*/15 9-17 * * mon-fri", id="cron: steps and ranges"),
    ],
)
def test_each_typed_timetable_is_read(typed, cron):
    assert timetable_for_people(typed, "Europe/London").cron == cron


@each_row(
    ("typed", "error", "says"),
    [
        ("", TimetableUnclear, "I cannot read"),
        ("9am", TimetableUnclear, "`9am`"),
        ("09:00 someday", TimetableUnclear, "`someday`"),
        ("09:00 17:00", TimetableUnclear, "one time"),
        ("25:00", TimetableUnclear, "`25:00`"),
        ("0 25 * * *", TimetableUnclear, "`25`"),
        ("25:00 mon-fri", TimetableUnclear, "`25:00` is not a time"),
        ("at 9:60", TimetableUnclear, "`9:60` is not a time"),
        ("9am mon-fri", TimetableUnclear, "`9am` is not a time"),
        ("09.30 daily", TimetableUnclear, "`09.30` is not a time"),
        ("9:30pm daily", TimetableUnclear, "`9:30pm` is not a time"),
        ("noon every day", TimetableUnclear, "`noon` is not a time"),
        ("09:00 10:75", TimetableUnclear, "`10:75` is not a time"),
        ("0 9 * * 8", TimetableUnclear, "`8`"),
        ("0 9 * * mo", TimetableUnclear, "`mo`"),
        ("09:00 frs", TimetableUnclear, "`frs`"),
        ("0 9 * * mos-fri", TimetableUnclear, "`mos-fri`"),
        ("0 9 5-1 * *", TimetableUnclear, "`5-1`"),
        ("0 9 *-3 * *", TimetableUnclear, "`*-3`"),
        ("0 */0 * * *", TimetableUnclear, "`*/0`"),
        ("0 9/30 * * *", TimetableUnclear, "`0 9/30 * * *`"),
        ("0 9 1 * 1", TimetableUnclear, "not both"),
        ("0 9 last * *", TimetableUnclear, "`last`"),
        ("* * * * *", TooOften, "every 15 minutes"),
        ("0,5 9 1 1 *", TooOften, "every 15 minutes"),
        ("55,5 0,23 * * *", TooOften, "every 15 minutes"),
        ("0 9 30 2 *", UsageError, "never comes"),
        ("<!channel> `x`", TimetableUnclear, "`!channel x`"),
    ],
)
def test_an_unreadable_timetable_names_the_fix(typed, error, says):
    with pytest.raises(error) as caught:
        timetable_for_people(typed, "Europe/London")

    assert says in caught.value.what
    assert caught.value.fix


def said_of(typed: str) -> str:
    try:
        return timetable_for_people(typed, "UTC").in_words()
    except UsageError as error:
        return error.fix


WORDS = ["*", "0", "9", "1-5", "mon", "fri-mon", "*/2", "*/15", "09:00", "7", "L", "1#2", ",", "-"]


@UNHURRIED
@given(st.lists(st.sampled_from(WORDS)))
def test_timetable_words_in_any_order_are_a_timetable_or_a_usage_error(words):
    assert said_of(" ".join(words))
