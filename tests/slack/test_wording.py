"""Sizes, times, reasons and foreign text in messages."""

import html
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from bot.access.policy import Outcome, Reason
from bot.polyai.payloads import CallFacts, Direction
from bot.slack import wording
from tests.conftest import NOON
from tests.tables import each_row


@each_row(
    ("size_bytes", "shown"),
    [
        (1, "1 KB"),
        (0, "1 KB"),
        (1499, "1 KB"),
        (1500, "2 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (1_073_741_824, "1073.7 MB"),
    ],
)
def test_each_size_has_its_text(size_bytes, shown):
    assert wording.size(size_bytes) == shown


@each_row(
    ("seconds", "shown"),
    [
        (None, None),
        (0, "0:00"),
        (0.4, "0:00"),
        (9.5, "0:10"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3599.4, "59:59"),
        (3600, "1:00:00"),
        (36_061, "10:01:01"),
    ],
)
def test_each_length_has_its_text(seconds, shown):
    assert wording.length(seconds) == shown


@given(st.text())
def test_escaped_text_contains_no_markup_and_loses_nothing(text):
    escaped = wording.escape(text)
    assert not set("<>") & set(escaped)
    assert escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text
    assert html.unescape(escaped).count("<") >= text.count("<")


@given(st.text())
def test_text_cannot_leave_its_code_span(text):
    shown = wording.code(text)
    assert shown[0] == shown[-1] == "`"
    assert not set("<>`") & set(shown[1:-1])


def test_a_time_is_shown_in_each_readers_zone_with_utc_as_fallback():
    noon = datetime(2026, 6, 3, 12, 0, 30, tzinfo=UTC)
    assert wording.moment(noon) == (
        "<!date^1780488030^{date_short_pretty} {time}|2026-06-03 12:00 UTC>"
    )


@each_row("is_public", [False, True])
@each_row("reason", wording.WHY_REDACTED)
def test_the_thread_shows_why_it_is_redacted_but_not_who_is_not_cleared(reason, is_public):
    public = wording.variant(Outcome.REDACTED, reason, NOON, is_public=is_public)
    named = is_public and reason is Reason.AUDIENCE
    why = wording.PUBLIC_CHANNEL if named else wording.WHY_REDACTED_IN_PUBLIC[reason]
    assert public == f"*Redacted* · {why}"
    assert not any(
        word in public for word in ("you ", "cleared", "requester", "everyone", "somebody")
    )


@each_row("cause", wording.WHY_TAKEN_BACK.values())
def test_the_thread_does_not_show_whose_right_ended(cause):
    assert not any(word in cause for word in ("cleared", "the person", "right", "somebody here"))


@each_row("tell", [wording.why_redacted, wording.why_no_transcript])
def test_the_words_for_an_audience_are_true_if_it_is_unknown_or_too_large(tell):
    said = tell(Reason.AUDIENCE, is_public=False)
    assert "not everyone here is known to be cleared" in said
    assert "is cleared to hear" not in said


@each_row(
    ("tell", "reason"),
    [
        *((wording.why_redacted, reason) for reason in wording.WHY_REDACTED),
        *((wording.why_no_transcript, reason) for reason in wording.WHY_NO_TRANSCRIPT),
    ],
)
def test_the_requester_also_reads_that_the_channel_is_public_and_other_reasons_are_unchanged(
    tell, reason
):
    is_named = "everybody in the workspace can open" in tell(reason, is_public=True)
    assert is_named == (reason is Reason.AUDIENCE)
    assert "everybody" not in tell(reason, is_public=False)


def test_raw_is_called_raw_with_its_retention():
    stays = wording.variant(Outcome.RAW, Reason.CLEARED, None)
    assert stays == "*Unredacted*"
    assert wording.variant(Outcome.RAW, Reason.CLEARED, None, is_public=True) == stays
    goes = wording.variant(Outcome.RAW, Reason.CLEARED, NOON)
    assert goes == f"{stays} · deletes {wording.moment(NOON)}"


def test_every_reason_has_words_for_each_surface():
    refused = set(wording.WHY_REFUSED)
    redacted = set(wording.WHY_REDACTED)
    assert refused | redacted == set(Reason) - {Reason.CLEARED}
    assert refused & redacted == {Reason.EXTERNAL_DESTINATION}
    assert set(wording.SIDES) == set(Direction)


def facts(**known):
    return CallFacts("CALL-1", **known)


@each_row(
    ("call", "shown"),
    [
        (None, None),
        (facts(), None),
        (facts(direction="inbound"), "inbound"),
        (facts(length_seconds=0), None),
        (facts(length_seconds=75), "call of 1:15"),
        (facts(masked_caller="+44•••••••90"), "+44•••••••90"),
        (facts(masked_caller="<!here>"), "&lt;!here&gt;"),
        (facts(handoff=True), "handed over to a person"),
        (facts(handoff=False), None),
        (facts(direction="outbound", handoff=True), "outbound · handed over to a person"),
    ],
)
def test_the_facts_of_a_call_are_one_line_or_none(call, shown):
    assert wording.call_facts(call) == shown


def test_all_facts_are_shown_in_a_fixed_order():
    call = facts(
        direction="inbound",
        started_at=datetime(2026, 6, 3, 14, 0, tzinfo=timezone(timedelta(hours=2))).astimezone(UTC),
        length_seconds=75,
        masked_caller="+44•••••••90",
        handoff=True,
    )
    line = wording.call_facts(call)
    assert line.split(" · ")[0] == "inbound"
    assert line.endswith("call of 1:15 · +44•••••••90 · handed over to a person")
    assert "2026-06-03 12:00 UTC" in line


@each_row(
    ("said", "shown"),
    [
        *((wording.counted(0, "call"), "0 calls"), (wording.counted(1000, "call"), "1,000 calls")),
        *((wording.hours(1), "1 hour"), (wording.hours(8), "8 hours")),
        (wording.counted(1, "more person", "more people"), "1 more person"),
        (wording.counted(3, "more person", "more people"), "3 more people"),
    ],
)
def test_one_is_singular_and_other_numbers_are_plural_which_may_be_given(said, shown):
    assert said == shown
