"""When a digest is due: over clock changes, and compared with another cron library."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.digests.timetable import NeverDue, Timetable
from bot.digests.timetable_text import read_timetable
from tests.examples import examples
from tests.tables import each_row

UNHURRIED = settings(deadline=None, max_examples=examples(10))
HOUR = timedelta(hours=1)
LONDON, WARSAW, NEW_YORK = "Europe/London", "Europe/Warsaw", "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
ZONES = (
    *("UTC", LONDON, WARSAW, NEW_YORK, LORD_HOWE),
    *("Asia/Kolkata", "Pacific/Auckland", "America/Havana"),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@each_row(
    ("cron", "zone", "since", "expected"),
    [
        # Warsaw in spring: 02:30 does not exist and is due an hour later, once.
        ("30 2 * * *", WARSAW, "2026-03-28T12:00", ["03-29T03:30 +0200", "03-30T02:30 +0200"]),
        # Warsaw in autumn: 02:30 comes twice and is due the first time.
        ("30 2 * * *", WARSAW, "2026-10-24T12:00", ["10-25T02:30 +0200", "10-26T02:30 +0100"]),
        # New York in spring: the same, on another day.
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["03-08T03:30 -0400", "03-09T02:30 -0400"]),
        # New York in autumn: 01:30 is the one that comes twice.
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["11-01T01:30 -0400", "11-02T01:30 -0500"]),
        # New York in autumn: 02:30 comes once, after the change.
        ("30 2 * * *", NEW_YORK, "2026-10-31T12:00", ["11-01T02:30 -0500", "11-02T02:30 -0500"]),
        # From 02:10, for the second time: the slot after it.
        ("30 2 * * *", WARSAW, "2026-10-25T01:10", ["10-26T02:30 +0100"]),
        # From 03:10, right after the gap: a slot in it is still due.
        ("30 2 * * *", WARSAW, "2026-03-29T01:10", ["03-29T03:30 +0200"]),
        # London in spring: 02:30 is after the gap and as ever.
        ("30 2 * * *", LONDON, "2026-03-28T12:00", ["03-29T02:30 +0100", "03-30T02:30 +0100"]),
        # London in autumn: 02:30 is after the change and as ever.
        ("30 2 * * *", LONDON, "2026-10-24T12:00", ["10-25T02:30 +0000", "10-26T02:30 +0000"]),
        # Lord Howe in spring: clocks go forward by half an hour.
        ("15 2 * * *", LORD_HOWE, "2026-10-03T02:00", ["10-04T02:45 +1100", "10-05T02:15 +1100"]),
        # 09:00 stays 09:00 where clocks went forward, and where they went back.
        ("0 9 * * *", LONDON, "2026-03-28T12:00", ["03-29T09:00 +0100", "03-30T09:00 +0100"]),
        ("0 9 * * *", WARSAW, "2026-10-24T05:00", ["10-24T09:00 +0200", "10-25T09:00 +0100"]),
        ("0 9 * * *", NEW_YORK, "2026-03-07T12:00", ["03-07T09:00 -0500", "03-08T09:00 -0400"]),
        # Two slots that are due at one time after a gap are one.
        (
            "*/30 * * * *",
            WARSAW,
            "2026-03-29T00:15",
            ["03-29T01:30 +0100", "03-29T03:00 +0200", "03-29T03:30 +0200", "03-29T04:00 +0200"],
        ),
        # The repeated hour is passed over.
        (
            "*/30 * * * *",
            WARSAW,
            "2026-10-24T23:45",
            ["10-25T02:00 +0200", "10-25T02:30 +0200", "10-25T03:00 +0100"],
        ),
        # Midnight of a month that begins after the change is not lost.
        ("0 0 1 * *", WARSAW, "2026-03-15T12:00", ["04-01T00:00 +0200", "05-01T00:00 +0200"]),
    ],
)
def test_due_times_over_clock_changes(cron, zone, since, expected):
    timetable = Timetable(cron, ZoneInfo(zone))
    found = timetable.upcoming(at(since), len(expected))

    offsets = [f"{each.astimezone(timetable.zone):%z}" for each in found]
    names = [timetable.local(each)[5:] for each in found]
    assert [f"{name} {offset}" for name, offset in zip(names, offsets, strict=True)] == expected


def test_a_slot_covers_the_time_since_the_slot_before():
    timetable = read_timetable("09:00 mon-fri", LONDON)
    (slot,) = timetable.slots([at("2026-03-30T08:00")])

    assert slot.local == "2026-03-30T09:00"
    # From Friday, still in winter time, to Monday.
    assert slot.period.since == at("2026-03-27T09:00")
    assert slot.period.until == slot.due_at == at("2026-03-30T08:00")
    assert timetable.slots([]) == []


@each_row(
    ("cron", "length"),
    [
        ("* * * * * *", timedelta(seconds=1)),
        ("*/15 * * * *", timedelta(minutes=15)),
        ("0 * * * *", HOUR),
        ("0 9 * * mon", timedelta(days=7)),
        ("0 9 1 * *", timedelta(days=31)),
        ("0 9 1 6 *", timedelta(days=365)),
    ],
)
def test_the_slot_before_is_found_up_to_a_year_back(cron, length):
    timetable = Timetable(cron, ZoneInfo("UTC"))
    due_at = timetable.after(at("2026-05-31T23:59:59"))

    assert due_at - timetable.before(due_at) == length


def test_a_slot_on_request_covers_as_much_time_as_the_next_slot():
    timetable = read_timetable("09:00 mon-fri", LONDON)
    saturday = at("2026-06-06T14:23:05")
    slot = timetable.slot_on_request(saturday)

    assert slot.local == "2026-06-06T15:23:05"
    assert slot.period.until == saturday
    assert slot.period.until - slot.period.since == timedelta(days=3)


@each_row(
    ("cron", "since"),
    [
        # Daily: since yesterday's slot. Monthly and yearly: the last one may be posted late.
        ("0 9 * * *", "2026-06-02T09:00"),
        ("0 9 1 * *", "2026-05-01T09:00"),
        ("0 9 1 1 *", "2025-01-01T09:00"),
        # A short period before a long one: a slot on request covers as much as the next.
        ("0 9 1 5,6 *", "2025-07-04T12:00"),
    ],
)
def test_a_timetable_covers_time_since_the_start_of_its_last_slots_period(cron, since):
    now = at("2026-06-03T12:00")
    assert Timetable(cron, ZoneInfo("UTC")).covered_since(now) == at(since)


def test_a_date_that_does_not_exist_is_never_due():
    with pytest.raises(NeverDue):
        Timetable("0 9 30 2 *", ZoneInfo("UTC")).after(at("2026-06-03T12:00"))


def test_a_timetable_is_described_in_words():
    timetable = read_timetable("09:00 mon-fri", LONDON)
    now = at("2026-05-30T12:00")
    first, second, _ = timetable.upcoming(now, 3)

    assert timetable.in_words() == "At 09:00, Monday through Friday"
    assert timetable.moment(first, now) == "Mon 1 Jun 09:00 BST"
    assert timetable.moment(second, now) == "Tue 2 Jun 09:00 BST"
    assert timetable.moment(first + timedelta(days=217), now) == "Mon 4 Jan 2027 08:00 GMT"


@pytest.mark.parametrize("cron", ["0 21,*/15 * * *", "* 9 1 *,1,5 *", "24 17,*/15,*/3 * 9,6 fri"])
def test_lists_that_cannot_be_described_are_shown_as_cron(cron):
    assert Timetable(cron, ZoneInfo("UTC")).in_words() == f"`{cron}`"


def field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    pairs = st.tuples(number, number).map(sorted)
    return st.one_of(
        st.just("*"),
        number.map(str),
        pairs.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.lists(number, min_size=1, max_size=3).map(lambda ns: ",".join(map(str, ns))),
        st.sampled_from([2, 3, 5, 15]).map(lambda step: f"*/{min(step, most - least)}"),
    )


WEEKDAY = st.one_of(field(0, 6), st.sampled_from(["mon-fri", "sat", "sun", "mon,wed", "0", "7"]))
# Slightly denser than people may have them: the other library is slow for denser ones.
MINUTE = st.one_of(
    st.lists(st.integers(0, 59), min_size=1, max_size=4, unique=True).map(
        lambda minutes: ",".join(map(str, minutes))
    ),
    st.sampled_from(["*/15", "*/20", "5-50/15"]),
)
CRONS = st.one_of(
    st.tuples(MINUTE, field(0, 23), field(1, 28), field(1, 12), st.just("*")),
    st.tuples(MINUTE, field(0, 23), st.just("*"), field(1, 12), WEEKDAY),
).map(" ".join)
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - without a zone on purpose
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)


def independently(cron: str, zone: ZoneInfo, since: datetime, count: int) -> list[datetime]:
    """Compute due times with another library on naive times, then apply the zone."""
    start, late = (since.replace(tzinfo=None) + sign * timedelta(hours=30) for sign in (-1, 1))
    found: set[datetime] = set()
    for wall in CronSim(cron, start):
        # A time that occurs twice counts the first time; one in a gap is later by the length of the
        # gap.
        due_at = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if due_at > since:
            found.add(due_at)
        if len(found) >= count and wall > late:
            break
    return sorted(found)[:count]


@UNHURRIED
@given(cron=CRONS, zone=st.sampled_from(ZONES), since=INSTANTS)
def test_slots_are_ordered_and_have_unique_names(cron, zone, since):
    timetable = read_timetable(cron, zone)
    found = list(islice(timetable.between(since, since + timedelta(days=400)), 30))
    names = [timetable.local(each) for each in found]

    assert found == sorted(set(found))
    assert names == sorted(set(names))


NEAR_CLOCK_CHANGES = st.builds(
    lambda day, minutes: at(f"2026-{day}T00:00") + timedelta(minutes=minutes),
    st.sampled_from(["03-08", "03-29", "04-05", "10-04", "10-25", "11-01"]),
    st.integers(-600, 1440),
)


@settings(deadline=None, max_examples=examples(20))
@given(cron=CRONS, zone=st.sampled_from(ZONES), since=INSTANTS | NEAR_CLOCK_CHANGES)
def test_the_next_slots_equal_those_of_another_library(cron, zone, since):
    timetable = read_timetable(cron, zone)

    assert list(timetable.upcoming(since, 3)) == independently(cron, ZoneInfo(zone), since, 3)


@UNHURRIED
@given(cron=CRONS, zone=st.sampled_from(ZONES), since=INSTANTS)
def test_slots_built_together_equal_slots_built_one_by_one(cron, zone, since):
    timetable = read_timetable(cron, zone)
    due = timetable.upcoming(since, 4)
    if timetable.before(due[-1]) != due[-2]:
        return  # more than a year lies between them

    assert timetable.slots(due) == [slot for each in due for slot in timetable.slots([each])]


@UNHURRIED
@given(cron=CRONS, zone=st.sampled_from(ZONES), since=INSTANTS)
def test_the_slot_before_the_next_is_not_after_now(cron, zone, since):
    timetable = read_timetable(cron, zone)
    following = timetable.after(since)
    before = timetable.before(following)

    assert before <= since
    if following - before < timedelta(days=367):
        assert timetable.after(before) == following
