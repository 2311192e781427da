"""The state of a search is stored in the modal and read back, however long PolyAI's cursors are."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bot.slack.finder.search import MAX_METADATA_CHARACTERS, Search
from tests.conftest import NOON

LONDON = ZoneInfo("Europe/London")

SEARCHES = st.builds(
    Search,
    agent_name=st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True),
    until=st.just(NOON),
    day=st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    handoff=st.sampled_from([None, True, False]),
    places=st.lists(st.text(max_size=1200), min_size=1, max_size=8).map(tuple),
    older=st.none() | st.text(max_size=4000),
    zone=st.none() | st.just("Europe/London"),
)


@given(SEARCHES)
def test_a_search_is_read_back_unchanged_except_for_the_oldest_pages(search):
    text = search.metadata()
    assert len(text) <= MAX_METADATA_CHARACTERS
    back = Search.of(text)
    assert back.agent_name == search.agent_name
    assert (back.day, back.handoff, back.until) == (search.day, search.handoff, search.until)
    if back.older is not None:
        assert back.older == search.older
        assert search.places[-len(back.places) :] == back.places


def test_a_day_is_in_the_persons_zone_also_when_the_clocks_change():
    day = Search("default", NOON, day=date(2026, 3, 29)).wanted(LONDON)
    assert day.since == datetime(2026, 3, 29, 0, tzinfo=UTC)
    assert day.until == datetime(2026, 3, 29, 23, tzinfo=UTC)


def test_a_day_at_the_end_of_the_calendar_has_a_period_too():
    for day in (date.min, date.max):
        for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
            wanted = Search("default", NOON, day=day).wanted(ZoneInfo(zone))
            assert (wanted.until - wanted.since).days == 1


def test_without_a_day_the_search_covers_thirty_days():
    wanted = Search.begin("default", NOON).wanted(LONDON)
    assert (wanted.until - wanted.since).days == 30


def test_the_pages_are_turned_back_and_forth():
    first = Search("default", NOON, older="p2")
    second = first.going_older()
    assert (first.is_first, second.is_first) == (True, False)
    assert second.places == ("", "p2")
    assert second.going_newer() == Search("default", NOON)
    forgotten = Search("default", NOON, places=("p9",))
    assert not forgotten.is_first
    assert forgotten.going_newer().is_first
