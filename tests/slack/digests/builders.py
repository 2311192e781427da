"""Reports with something in every part of them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from bot.audit.chain import Head
from bot.digests.report import (
    AccessReport,
    BusiestHour,
    CallsReport,
    Gap,
    GrantTally,
    HeldRight,
    NameCount,
    PersonTally,
    ReasonTally,
    RequestTally,
)
from bot.digests.summary import Summary
from bot.polyai.normalization import CallSummary
from bot.recordings.deliveries.delivery import Problem
from tests.digests.builders import LONDON, SINCE, UNTIL, calls_report, listed

PROBLEM = Problem("polyai_unavailable", "PolyAI cannot be reached.", "", "", "corr-1")
LOUD = "<!channel> *<https://evil.example|click>* & `x` $a_b$ :tada:"
HEAD = Head("T0CALLAUDIO", 4711, "9f" * 32)


def report_of(calls: Iterable[CallSummary], **changes) -> CallsReport:
    summary = Summary(LONDON)
    for call in calls:
        summary.add(call)
    values = {"figures": summary.figures(), "notable": summary.notable(), **changes}
    return calls_report(**values)


def full_calls(count: int = 30, **changes) -> CallsReport:
    """A period with handed-off, silent, short and long calls, and a quieter one before."""
    calls = [
        listed(
            n,
            handoff=n % 3 == 0,
            handoff_reason=f"reason {n % 4}" if n % 3 == 0 else None,
            length_seconds=n * 45,
            silences=n % 4,
            direction="outbound" if n % 5 == 0 else "inbound",
        )
        for n in range(1, count + 1)
    ]
    chats = [listed(n, channel="WEBCHAT") for n in range(900, 903)]
    before = report_of(calls[: count // 2]).figures
    return report_of([*calls, *chats], **{"before": before, **changes})


def huge_calls() -> CallsReport:
    """All values are as long and as large as possible."""
    report = report_of(
        listed(
            n,
            conversation_id=f"{n:03}{'x' * 125}",
            handoff=True,
            handoff_reason=f"{'w' * 300}{n}",
            length_seconds=7 * 86_400,
            silences=9,
            turns=9,
            masked_caller="+44" + "•" * 14 + "90",
        )
        for n in range(40)
    )
    many = 10**12
    figures = replace(
        report.figures,
        conversations=many,
        handoffs=many,
        handoff_known=many,
        hours=(many,) * 24,
        total_seconds=many,
        busiest=BusiestHour(SINCE, many),
    )
    return replace(report, figures=figures, before=figures)


LOUD_CALLS = report_of([listed(handoff=True, handoff_reason=LOUD, masked_caller="•••••")])
"""All foreign text contains Slack's markup."""
GAP = Gap(PROBLEM, 12_345, SINCE + timedelta(hours=5), UNTIL - timedelta(minutes=1))
ACCESS = AccessReport(
    outcomes=(
        NameCount("redacted", 88),
        NameCount("raw", 31),
        NameCount("refused", 4),
        NameCount("failed", 2),
    ),
    reasons=(
        ReasonTally("redacted", "not_cleared", 88),
        ReasonTally("raw", "cleared", 31),
        ReasonTally("refused", "requester_not_in_destination", 4),
        ReasonTally("failed", "polyai_unavailable", 2),
    ),
    people=(
        PersonTally("U0ALICE00", raw=31, redacted=80),
        PersonTally("U0BOB0000", redacted=8, refused=4, other=2),
    ),
    people_in_all=5,
    requests=RequestTally(asked=6, approved=3, denied=1, expired=1, pending=1),
    grants=GrantTally(
        given=4,
        revoked=1,
        ending=2,
        next_to_end=(
            HeldRight("user", "U0ALICE00", "pii", UNTIL + timedelta(hours=3)),
            HeldRight("group", "S0GROUP00", "pii", UNTIL + timedelta(hours=4)),
        ),
    ),
    groups=(
        HeldRight("group", "S0GROUP00", "pii", UNTIL + timedelta(hours=4)),
        HeldRight("group", "S0LEADS00", "admin"),
    ),
    groups_in_all=5,
    taken_back=(NameCount("time_over", 20), NameCount("audience", 2)),
    checked=(NameCount("proven", 18), NameCount("nothing_muted", 3), NameCount("differs", 1)),
    audit_events=512,
    head=HEAD,
)
REPORTS = MappingProxyType(
    {
        "calls": full_calls(),
        "calls, compared with nothing": full_calls(before=None),
        "calls, broken off": full_calls(before=None, gap=GAP),
        "calls, the period before broken off": full_calls(before=None, before_problem=PROBLEM),
        "no calls": calls_report(),
        "one call": full_calls(1),
        "loud calls": LOUD_CALLS,
        "huge calls": huge_calls(),
        "access": ACCESS,
        "no access": AccessReport(),
    }
)
