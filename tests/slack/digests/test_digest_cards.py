"""The message of a digest: within Slack's limits, in its own time zone, without injected markup."""

import json
import re
from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.access.policy import Reason
from bot.digests.digest import DigestKind, Period, Slot
from bot.digests.notable import Mark, NotableCall
from bot.digests.report import AccessReport, Figures, Gap, NameCount, PersonTally
from bot.recordings.deliveries.delivery import Problem
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.sandbox.block_limits import problems
from bot.slack.digests import cards, words
from bot.slack.identifiers import Action
from tests.digests.builders import SINCE, UNTIL, calls_report, digest, listed, post
from tests.examples import examples
from tests.slack.digests.builders import (
    GAP,
    HEAD,
    LOUD,
    LOUD_CALLS,
    PROBLEM,
    REPORTS,
    full_calls,
    report_of,
)
from tests.tables import each_row

NEW_BLOCKS = {"data_visualization", "data_table", "table"}
RENDERINGS = {"rich": cards.message, "plain": partial(cards.message, is_plain=True)}


def shown(message) -> str:
    return json.dumps(message, ensure_ascii=False)


def texts(message, kind="mrkdwn") -> list[str]:
    found = []

    def walk(value):
        if isinstance(value, dict):
            if value.get("type") == kind:
                found.append(value["text"])
            for each in value.values():
                walk(each)
        if isinstance(value, list):
            for each in value:
                walk(each)

    walk(message["blocks"])
    return found


def of_type(message, kind) -> list[dict]:
    return [block for block in message["blocks"] if block["type"] == kind]


def buttons(message) -> list[dict]:
    return [block["accessory"] for block in message["blocks"] if "accessory" in block]


@each_row("render", RENDERINGS.values(), ids=RENDERINGS)
@each_row("report", REPORTS.values(), ids=REPORTS)
def test_every_digest_is_accepted_by_slack(report, render):
    message = render(post(report))
    assert problems(message["blocks"]) == []
    assert 0 < len(message["text"]) <= 4000
    may_be_refused = {block["type"] for block in message["blocks"]} & NEW_BLOCKS
    assert may_be_refused == set() or render is cards.message


def test_the_figures_are_compared_with_the_previous_period():
    (fields,) = [b["fields"] for b in cards.message(post(full_calls()))["blocks"] if "fields" in b]
    told = dict(field["text"].split("\n", 1) for field in fields)
    assert "22:30" in told.pop("*Longest*")
    assert "0:45" in told.pop("*Shortest*")
    assert told == {
        "*Calls*": "*30* (15 before, +100 %)",
        "*Chats*": "*3* (0 before)",
        "*Total length*": "*5:48:45* (1:30:00 before)",
        "*Median length*": "*11:38* (6:00 before)",
        "*Handed off*": "*33.3 %* (33.3 % before), 10 calls",
        "*Direction*": "24 inbound, 6 outbound",
        "*Silent or failed*": "*7* (4 before, +75 %) in which the person never spoke\n"
        "*0* (0 before) over within 10 s",
        "*Busiest hour*": "Tue 2 Jun 00:00, 30 conversations",
    }


def test_facts_that_a_list_lacks_are_not_invented():
    figures = Figures(conversations=3, timed=0)
    message = cards.message(post(calls_report(figures=figures)))
    said = shown(message)
    for absent in ("Direction", "Handed off", "never spoke", "Longest", "Busiest"):
        assert absent not in said
    assert "*Median length*\\n*–*" in said  # noqa: RUF001 - as it is written


def test_times_are_in_the_digests_own_zone():
    tokyo = Period(SINCE, UNTIL, ZoneInfo("Asia/Tokyo"))
    message = cards.message(post(full_calls(), slot=Slot("2026-06-03T09:00", UNTIL, tokyo)))
    assert "Tue 2 Jun 2026 08:00 to Wed 3 Jun 2026 08:00 (Asia/Tokyo)" in texts(message)[0]
    assert "<!date" not in shown(message)
    table = of_type(message, "data_table")[0]
    assert table["rows"][1][1]["text"].startswith("Tue 2 Jun 08:")


def test_there_are_two_charts_of_at_most_twenty_points_with_one_point_for_each_category():
    by_hour, why = of_type(cards.message(post(full_calls())), "data_visualization")
    assert len(by_hour["chart"]["axis_config"]["categories"]) == 12
    now, before = by_hour["chart"]["series"]
    assert (now["name"], before["name"]) == ("this period", "period before")
    assert sum(point["value"] for point in now["data"]) == 33
    assert why["chart"]["axis_config"]["categories"] == [f"reason {n}" for n in (2, 3, 0, 1)]


def test_reasons_that_are_equal_after_shortening_stay_separate():
    reasons = tuple(NameCount(f"{'same beginning of a reason'} {n}", 10 - n) for n in range(10))
    figures = Figures(conversations=60, handoff_known=60, handoffs=60, reasons=reasons)
    message = cards.message(post(calls_report(figures=figures)))
    labels = of_type(message, "data_visualization")[1]["chart"]["axis_config"]["categories"]
    assert len(set(labels)) == len(labels) == 9
    assert labels[-1] == "other or unknown"
    assert labels[:2] == ["same beginning of a…", "same beginning of… 2"]


@each_row("render", RENDERINGS.values(), ids=RENDERINGS)
def test_a_count_of_one_is_singular(render):
    one = replace(GAP, read=1)
    access = AccessReport(
        outcomes=(NameCount("raw", 1),),
        people=(PersonTally("U0ALICE00", raw=1),),
        people_in_all=2,
        audit_events=1,
        head=HEAD,
    )
    reports = report_of([listed(0, handoff=True)], gap=one), access
    said = "".join(shown(render(post(report))) for report in reports)
    for words_ in (
        "1 conversation, 100.0 % of calls handed off",
        "*100.0 %*, 1 call",
        "Only 1 conversation could be read",
        "1 recording requested",
        "and 1 more person",
        "1 audit event;",
    ):
        assert words_ in said
    assert not re.search(r"\b1 (calls|conversations|recordings|more people|audit events)", said)


def test_ten_calls_have_a_button_and_the_table_lists_them_and_more():
    report = full_calls(60)
    message = cards.message(post(report))
    table = of_type(message, "data_table")[0]
    assert len(table["rows"]) == 1 + 20
    assert all(cell["type"] != "button" for row in table["rows"] for cell in row)
    ids = [each.call.conversation_id for each in report.notable[:10]]
    assert [row[-1]["text"] for row in table["rows"][1:11]] == ids
    drawn = buttons(message)
    assert [each["value"] for each in drawn] == [f"default:{id_}" for id_ in ids]
    assert {(each["action_id"], each["text"]["text"]) for each in drawn} == {
        (Action.GET_FROM_DIGEST.value, "Get call audio")
    }
    plain = cards.message(post(report), is_plain=True)
    assert buttons(plain) == drawn
    assert all(each.call.conversation_id in shown(plain) for each in report.notable)


@each_row("render", RENDERINGS.values(), ids=RENDERINGS)
def test_an_incomplete_period_is_not_shown_as_complete(render):
    message = render(post(full_calls(before=None, gap=GAP)))
    warning = texts(message)[1]
    assert warning.startswith("*Incomplete:* PolyAI cannot be reached. PolyAI `corr-1`.")
    assert "Only 12,345 conversations could be read" in warning
    assert "begun between Tue 2 Jun 05:00 and Tue 2 Jun 23:59" in warning
    assert "there is no comparison" in warning
    assert "incomplete" in message["text"]


def test_an_unreadable_previous_period_is_mentioned():
    message = cards.message(post(full_calls(before=None, before_problem=PROBLEM)))
    assert "Not compared with the period before" in shown(message)
    assert "incomplete" not in message["text"]


def test_a_period_without_calls_says_so():
    message = cards.message(post(calls_report()))
    assert "There were no conversations in this period." in texts(message)
    assert of_type(message, "data_visualization") == []


def test_missed_slots_are_listed_up_to_a_limit():
    missed = tuple(f"2026-05-{day:02}T09:00" for day in range(1, 15))
    said = texts(cards.message(post(calls_report(), skipped=missed)))[-1]
    assert said.startswith("Missed and not posted: 2026-05-01T09:00, ")
    assert said.endswith("2026-05-10T09:00 and 4 more.")


@each_row("render", RENDERINGS.values(), ids=RENDERINGS)
def test_foreign_text_is_not_rendered_as_markup(render):
    message = render(post(LOUD_CALLS, digest=digest(agent_name=LOUD)))
    assert not any("<" in text for text in (*texts(message), message["text"]))
    # The agent's own words are in plain text and cells only, where nothing is markup.
    assert not any("evil" in text for text in texts(message))
    assert any("evil" in text for text in texts(message, "plain_text"))


def test_an_access_digest_lists_who_received_what_and_who_may():
    message = cards.message(post(REPORTS["access"], digest=digest(kind=DigestKind.ACCESS)))
    said = shown(message)
    assert message["text"].endswith("125 recordings requested, 31 delivered unredacted")
    for words_ in (
        "unredacted: 31\\nredacted: 88\\nrefused: 4\\nfailed: 2",
        "time over: 20\\naudience: 2",
        "made: 6\\napproved: 3\\ndenied: 1\\nexpired: 1\\npending: 1",
        "granted: 4\\nrevoked: 1\\nending soon: 2",
        "redacted, not cleared: 88",
        "failed, polyai unavailable: 2",
        "and 3 more people",
        "<@U0ALICE00> · `pii` until Wed 3 Jun 03:00",
        (
            "*Groups that hold a right*\\n`S0GROUP00` · `pii` until Wed 3 Jun 04:00\\n"
            "`S0LEADS00` · `admin`\\nand 3 more"
        ),
        "People who can edit one of these groups in Slack decide who holds its right.",
        "*Redaction checked*\\nproven: 18\\nnothing muted: 3\\ndiffers: 1",
        f"512 audit events; the chain ends in `T0CALLAUDIO:4711:{'9f' * 32}`",
    ):
        assert words_ in said
    assert buttons(message) == []


@each_row("render", RENDERINGS.values(), ids=RENDERINGS)
def test_a_group_is_named_without_mentioning_its_members(render):
    said = shown(render(post(REPORTS["access"])))
    assert "`S0GROUP00`" in said
    assert "subteam" not in said


def test_an_empty_access_digest_is_valid_and_says_so():
    said = shown(cards.message(post(AccessReport())))
    assert "none" in said
    assert "Nothing has been audited yet." in said
    assert "Redaction checked" not in said


def test_every_mark_reason_and_cause_has_short_words():
    assert set(words.MARKS) == set(Mark)
    assert set(words.REASONS) == set(Reason)
    assert set(words.TAKEN_BACK) == {cause.value for cause in TakeBackCause}
    assert all(len(each) <= 20 for each in words.REASONS.values())


NAMES = st.text(min_size=1, max_size=40)
COUNTS = st.integers(0, 10**9)


@settings(max_examples=examples(24), deadline=None)
@given(
    st.lists(st.tuples(NAMES, COUNTS), max_size=30, unique_by=lambda item: item[0]),
    st.lists(COUNTS, min_size=24, max_size=24),
    COUNTS,
    st.booleans(),
    st.one_of(st.none(), NAMES),
)
def test_any_report_on_calls_is_accepted_by_slack(reasons, hours, count, has_before, reason):
    named = tuple(NameCount(name, number) for name, number in reasons)
    figures = Figures(
        conversations=count,
        handoff_known=count,
        handoffs=sum(number for _, number in reasons) + count,
        reasons=named,
        hours=tuple(hours),
    )
    call = listed(handoff=True, handoff_reason=reason, masked_caller=reason)
    report = calls_report(
        figures=figures,
        before=figures if has_before else None,
        notable=(NotableCall(call, (Mark.HANDED_OFF,), 30),) * 20,
        gap=Gap(Problem("x", reason or "x", "", ""), count, None, None),
    )
    for render in RENDERINGS.values():
        assert problems(render(post(report))["blocks"]) == []
