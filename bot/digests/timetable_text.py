"""Timetables as people type them: a time and days, or five fields of cron."""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from bot.digests.digest import Digest
from bot.digests.timetable import FIELDS, Timetable
from bot.digests.zone_names import zone_of
from bot.errors import UsageError, quoted

SHORTEST_INTERVAL: Final = timedelta(minutes=15)
# Four years contain every date. The sample covers at least two days of the most frequent timetable
# that is allowed, and so all of its intervals.
SAMPLED_SINCE: Final = datetime(2024, 1, 1, tzinfo=UTC)
SAMPLED_UNTIL: Final = datetime(2028, 1, 1, tzinfo=UTC)
SAMPLE: Final = 200
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS: Final = (
    *("", "jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
MEANT_AS_TIME: Final = re.compile(
    r"[0-9]{1,2}[:.h][0-9]{0,2}(?:[ap]m)?|[0-9]{1,4}[ap]m|noon|midnight"
)
DAYS: Final = MappingProxyType(
    {
        **dict.fromkeys(("daily", "everyday"), "*"),
        **dict.fromkeys(("weekdays", "weekday", "workdays"), "mon-fri"),
        **dict.fromkeys(("weekends", "weekend"), "sat,sun"),
    }
)
FILLERS: Final = frozenset({"at", "on", "every", "day", "and", "each"})
PART: Final = re.compile(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/([0-9]{1,2}))?")
LIMITS: Final = MappingProxyType(
    dict(zip(FIELDS, ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)), strict=True))
)


class TimetableUnclear(UsageError):
    """The timetable cannot be read."""

    code = "timetable_unclear"
    fix = (
        "Type a time and days, such as `09:00 mon-fri`, or five fields of cron, such as "
        "`0 9 * * mon-fri`."
    )


class TooOften(UsageError):
    """The timetable would flood a channel."""

    code = "too_often"
    what = "A digest can be posted every 15 minutes at most."
    fix = "Choose times that are further apart."


def timetable_of(digest: Digest) -> Timetable:
    """Parse the timetable of a stored digest."""
    return read_timetable(digest.timetable, digest.zone)


def timetable_for_people(text: str, zone: str) -> Timetable:
    """Parse a timetable that a person typed, within the limits for people.

    Raises:
        UsageError: it cannot be read, is never due, or is due too often.
    """
    timetable = read_timetable(text, zone)
    timetable.after(SAMPLED_SINCE)
    on_the_wall = Timetable(timetable.cron, ZoneInfo("UTC"))
    sample = islice(on_the_wall.between(SAMPLED_SINCE, SAMPLED_UNTIL), SAMPLE)
    if any(later - earlier < SHORTEST_INTERVAL for earlier, later in pairwise(sample)):
        raise TooOften
    return timetable


def read_timetable(text: str, zone: str) -> Timetable:
    """Parse a timetable; it may also have six fields of cron, seconds first.

    Raises:
        UsageError: it cannot be read.
    """
    words = text.replace("`", "").lower().split()
    times = [word for word in words if TIME.fullmatch(word)]
    _check_times(set(words) - set(times))
    if times:
        cron = _time_and_days(times, [word for word in words if word not in times])
    elif len(words) in (len(FIELDS) - 1, len(FIELDS)):
        cron = _cron(words)
    else:
        raise TimetableUnclear(what=f"I cannot read {quoted(text)} as a timetable.")
    try:
        return Timetable(cron, zone_of(zone))
    except ValueError:  # a step that leads out of its range
        raise TimetableUnclear(what=f"I cannot read {quoted(text)} as a timetable.") from None


def _check_times(words: Collection[str]) -> None:
    for word in sorted(words):
        if MEANT_AS_TIME.fullmatch(word):
            raise TimetableUnclear(
                what=f"{quoted(word)} is not a time I can read.",
                fix="Write it as hours and minutes, from 00:00 to 23:59, such as `09:00`.",
            )


def _time_and_days(times: list[str], others: list[str]) -> str:
    if len(times) > 1:
        raise TimetableUnclear(
            what="A timetable has one time.", fix="Add a digest for each time, or use cron."
        )
    days = [DAYS.get(word, word) for word in others if word not in FILLERS]
    hour, minute = times[0].split(":")
    return f"{int(minute)} {int(hour)} * * {_weekdays(','.join(days) or '*')}"


def _cron(words: list[str]) -> str:
    names = FIELDS[-len(words) :]
    fields = [_numbers(name, word) for name, word in zip(names[:-1], words[:-1], strict=True)]
    weekdays = _weekdays(words[-1])
    if weekdays != "*" and fields[-2] != "*":
        raise TimetableUnclear(
            what="A timetable names days of the month or weekdays, not both.",
            likely_cause="Programs differ in what both together mean.",
            fix="Put a `*` in the third or in the fifth field.",
        )
    return " ".join([*fields, weekdays])


def _numbers(name: str, field: str) -> str:
    """Check a field of numbers, and replace names of months by numbers."""
    formatted = []
    for first, last, step in _parts(name, field):
        if first is None:
            numbers = "*"
        elif last is None:
            numbers = str(first)
        elif first <= last:
            numbers = f"{first}-{last}"
        else:
            raise _unreadable(field)
        formatted.append(f"{numbers}/{step}" if step else numbers)
    return ",".join(formatted)


def _weekdays(field: str) -> str:
    """Format a field of weekdays as names.

    In crontab 0 and 7 are Sunday; for APScheduler 0 is Monday, so it gets names only.
    """
    chosen: set[int] = set()
    for first, last, step in _parts("day_of_week", field):
        if first is None:
            days = range(7)
        elif last is None:
            days = range(first, first + 1)
        else:  # over the end of the week, as in `fri-mon`, too; `0-7` is a whole week
            distance = min((last - first) % 7 or last - first, 6)
            days = range(first, first + distance + 1)
        chosen |= {day % 7 for day in days[:: step or 1]}
    return _named(chosen)


def _named(chosen: set[int]) -> str:
    """Format weekdays from Monday on, three or more in a row as a range."""
    week = [day for day in (1, 2, 3, 4, 5, 6, 0) if day in chosen]
    if len(week) == len(WEEKDAYS):
        return "*"
    order = [(day - 1) % 7 for day in week]
    is_run = len(order) > 2 and order[-1] - order[0] == len(order) - 1  # noqa: PLR2004 - a range
    if is_run:
        return f"{WEEKDAYS[week[0]]}-{WEEKDAYS[week[-1]]}"
    return ",".join(WEEKDAYS[day] for day in week)


def _parts(name: str, field: str) -> Iterator[tuple[int | None, int | None, int | None]]:
    """Yield first, last and step of each part of a field; the first of `*` is None."""
    for part in field.split(","):
        found = PART.fullmatch(part)
        if not found or (found[1] == "*" and found[2]) or found[3] in {"0", "00"}:
            raise _unreadable(field)
        first = None if found[1] == "*" else _number(name, found[1], field)
        last = _number(name, found[2], field) if found[2] else None
        yield first, last, int(found[3]) if found[3] else None


def _number(name: str, word: str, field: str) -> int:
    """Read a number, or the name of a month or weekday, within the limits of the field."""
    least, most = LIMITS[name]
    if name == "month" and word in MONTHS:
        return MONTHS.index(word)
    if name == "day_of_week" and _is_weekday(word):
        return WEEKDAYS.index(word[:3])
    # Of at most four digits, more than any field.
    if not re.fullmatch("[0-9]{1,4}", word) or not least <= int(word) <= most:
        raise _unreadable(field)
    return int(word)


def _is_weekday(word: str) -> bool:
    """Return whether a word is a weekday: `mon`, `monday`, or a form between, such as `tues`."""
    full = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
    stem = word.removesuffix("s")
    return len(stem) > 2 and any(day.startswith(stem) for day in full)  # noqa: PLR2004 - as in `mon`


def _unreadable(field: str) -> TimetableUnclear:
    return TimetableUnclear(what=f"I cannot read {quoted(field)} in a timetable.")
