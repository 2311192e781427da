"""The figures of a period: exact for any calls in any order."""

import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bot.digests import summary as summary_module
from bot.digests.report import Figures, NameCount
from bot.digests.summary import Summary
from bot.polyai.normalization import CallSummary
from tests.digests.builders import LONDON, listed
from tests.digests.plain_figures import plain_figures

ZONES = [
    ZoneInfo(name)
    for name in (
        *("UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"),
        *("Pacific/Chatham", "America/St_Johns", "Pacific/Apia"),
    )
]
CALLS = st.builds(
    CallSummary,
    conversation_id=st.integers(0, 10**6).map(lambda number: f"CA{number:032x}"),
    started_at=st.integers(0, 254 * 86_400 * 1000).map(
        lambda ms: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    ),
    channel=st.sampled_from(["VOICE-SIP", "WEBCHAT", "CHAT", "PHONE", None]),
    length_seconds=st.none() | st.integers(0, 40) | st.integers(0, 7 * 86_400),
    direction=st.sampled_from(["inbound", "outbound", None]),
    in_progress=st.sampled_from([True, False, None]),
    handoff=st.sampled_from([True, False, None]),
    handoff_reason=st.none() | st.sampled_from(["refund", "no-answer", "<!channel>", "timed"]),
    silences=st.none() | st.integers(0, 9),
    turns=st.none() | st.integers(0, 9),
)


def summed(calls, zone=LONDON) -> Figures:
    summary = Summary(zone)
    for call in calls:
        summary.add(call)
    return summary.figures()


@given(
    st.lists(CALLS, max_size=80, unique_by=lambda call: call.conversation_id),
    st.sampled_from(ZONES),
    st.randoms(use_true_random=False),
)
def test_the_summary_equals_the_plain_computation_in_any_order(calls, zone, random):
    assert summed(random.sample(calls, len(calls)), zone) == plain_figures(calls, zone)


def test_an_empty_period_has_no_median_and_no_busiest_hour():
    assert summed([]) == Figures()


def test_a_repeated_hour_is_two_hours_and_one_hour_of_the_day():
    # In London the clock goes back from 02:00 to 01:00 at 01:00 UTC.
    first = [datetime(2026, 10, 25, 0, minute, tzinfo=UTC) for minute in (5, 10)]
    second = [datetime(2026, 10, 25, 1, minute, tzinfo=UTC) for minute in (5, 10, 15)]
    figures = summed([listed(n, started_at=at) for n, at in enumerate(first + second)])
    assert figures.hours[1] == 5
    assert figures.busiest.conversations == 3
    assert figures.busiest.starts_at.isoformat() == "2026-10-25T01:00:00+00:00"


def test_a_skipped_hour_stays_empty():
    before, after = (datetime(2026, 3, 29, hour, 30, tzinfo=UTC) for hour in (0, 1))
    figures = summed([listed(1, started_at=before), listed(2, started_at=after)])
    assert (figures.hours[0], figures.hours[1], figures.hours[2]) == (1, 0, 1)


def test_hours_begin_according_to_the_time_zone():
    figures = summed(
        [listed(started_at=datetime(2026, 6, 1, 12, 45, tzinfo=UTC))], ZoneInfo("Asia/Kolkata")
    )
    assert figures.busiest.starts_at.isoformat() == "2026-06-01T18:00:00+05:30"


def test_distinct_reasons_beyond_the_bound_count_as_other(monkeypatch):
    monkeypatch.setattr(summary_module, "MAX_REASONS", 2)
    reasons = ["a", "b", "c", "a", "d", None]
    figures = summed(
        listed(n, handoff=True, handoff_reason=reason) for n, reason in enumerate(reasons)
    )
    assert figures.reasons == (NameCount("a", 2), NameCount("b", 1))
    assert (figures.handoffs, figures.other_handoffs) == (6, 3)


def test_a_length_beyond_a_week_counts_as_unknown():
    figures = summed([listed(1, length_seconds=7 * 86_400 + 1), listed(2, length_seconds=-1)])
    assert (figures.conversations, figures.timed, figures.longest) == (2, 0, None)


def test_memory_does_not_grow_with_the_number_of_calls():
    summary = Summary(LONDON)

    def bytes_after(numbers: range) -> int:
        for n in numbers:
            reason = f"r{n % 50}"
            summary.add(listed(n, handoff=True, handoff_reason=reason, length_seconds=n % 900))
        return len(pickle.dumps(summary))

    before, after = bytes_after(range(1_000)), bytes_after(range(1_000, 6_000))
    assert after - before < 5_000  # not a byte a call: nothing of a call is kept
    assert summary.conversations == 6_000


def test_the_earliest_and_latest_call_are_known():
    summary = Summary(LONDON)
    for number in (5, 1, 9):
        summary.add(listed(number))
    assert summary.latest - summary.earliest == timedelta(minutes=8)
