"""The modal of the finder is accepted by Slack for any calls, and shows no personal data."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.browsing import Screen
from bot.polyai.normalization import CallSummary
from bot.sandbox.block_limits import problems
from bot.slack.finder.search import Search
from bot.slack.finder.view import finder, open_button, when, which
from tests.conftest import NOON

UTC_ZONE = ZoneInfo("UTC")
CALL = CallSummary(
    "CA1",
    datetime(2026, 6, 3, 13, 18, tzinfo=UTC),
    length_seconds=123,
    direction="inbound",
    handoff=True,
    handoff_reason="asked for Ada",
    masked_caller="+44••••••••90",
)
CALLS = st.builds(
    CallSummary,
    conversation_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{2,127}", fullmatch=True),
    started_at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    length_seconds=st.none() | st.integers(0, 604_800),
    direction=st.sampled_from([None, "inbound", "outbound"]),
    in_progress=st.sampled_from([None, True, False]),
    handoff=st.sampled_from([None, True, False]),
    masked_caller=st.sampled_from([None, "•••••", "+44" + "•" * 14 + "90"]),
)


@given(
    calls=st.lists(CALLS, max_size=10, unique_by=lambda call: call.conversation_id),
    names=st.sampled_from([("default",), ("default", "sales")]),
    day=st.none() | st.just(date(2026, 6, 3)),
    older=st.none() | st.just("7:cursor:abc") | st.just("x" * 3100),
)
def test_every_view_is_accepted_by_slack(calls, names, day, older):
    search = Search("default", NOON, day=day, places=("", "a"), older=older)
    view = finder(search, Screen(tuple(calls), older), UTC_ZONE, names)
    assert problems(view["blocks"], "modal") == []
    assert len(view["private_metadata"]) <= 3000
    assert ("submit" in view) is bool(calls)


def test_a_call_is_shown_in_the_persons_time_zone():
    assert when(CALL, ZoneInfo("Europe/London")) == (
        "Wed 3 Jun 14:18 · 2:03 · inbound · handed over"
    )
    assert which(CALL) == "+44••••••••90 · CA1"


def test_the_agents_own_words_for_a_reason_are_not_shown():
    view = finder(Search("default", NOON), Screen((CALL,), None), UTC_ZONE, ("default",))
    assert "Ada" not in str(view)


def test_there_is_no_button_for_a_page_whose_cursor_is_too_long():
    search = Search("default", NOON, older="x" * 3100)
    assert "find_older" not in str(finder(search, Screen((), "x"), UTC_ZONE, ("default",)))


def test_another_page_begins_without_a_choice():
    views = [
        finder(Search("default", NOON, places=places), Screen((CALL,), None), UTC_ZONE, ("d",))
        for places in (("",), ("", "2:cursor:x"))
    ]
    chosen = [{block.get("block_id") for block in view["blocks"]} for view in views]
    kept = chosen[0] & chosen[1] - {None}
    assert kept == {"destination", "direction", "redacted"}


def test_the_button_names_the_agent():
    assert open_button("sales")["value"] == "sales"
    assert open_button()["value"] == "default"
