"""Words of digests: periods, comparisons with the period before, and names for codes."""

from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from bot.access.policy import Reason
from bot.digests.digest import Digest, Period
from bot.digests.notable import CUT_SHORT_SECONDS, Mark
from bot.digests.report import CallsReport, Figures, Gap, Report
from bot.polyai.normalization import CallSummary
from bot.recordings.deliveries.delivery import Problem
from bot.slack import wording
from bot.slack.wording import code, escape

NOTHING: Final = "–"  # noqa: RUF001 - the dash people read as "none"; table cells may not be empty
MAX_SKIPPED: Final = 10

MARKS: Final = MappingProxyType(
    {
        Mark.HANDED_OFF: "handed off",
        Mark.SILENT: "the person never spoke",
        Mark.QUIET: "many silent turns",
        Mark.CUT_SHORT: f"over within {CUT_SHORT_SECONDS} s",
        Mark.LONG: "long",
    }
)

# At most 20 characters, the limit for a chart's labels.
REASONS: Final = MappingProxyType(
    {
        Reason.REQUESTER_NOT_ALLOWED: "may not request",
        Reason.REQUESTER_NOT_IN_DESTINATION: "not in the channel",
        Reason.EXTERNAL_DESTINATION: "external channel",
        Reason.ASKED: "redacted on request",
        Reason.NOT_CLEARED: "not cleared",
        Reason.NO_RAW_KEY: "no key",
        Reason.AUDIENCE: "audience",
        Reason.CLEARED: "cleared",
        Reason.FACT_UNKNOWN: "Slack did not answer",
    }
)

CHECKED: Final = MappingProxyType(
    {
        "proven": "proven",
        "nothing_muted": "nothing muted",
        "differs": "differs",
        "cannot_tell": "inconclusive",
    }
)
TAKEN_BACK: Final = MappingProxyType(
    {
        "asked": "deleted on request",
        "time_over": "time over",
        "right_ended": "right ended",
        "external": "channel shared",
        "public": "public channel",
        "audience": "audience",
        "forwarded": "forwarded",
        "public_link": "public link",
        "doubt": "Slack did not answer",
        "unfinished": "delivery failed",
        "redaction_differs": "redaction differs",
        "frozen": "deliveries frozen",
    }
)


def title(digest: Digest, report: Report) -> str:
    """Return the title of a digest; the agent's name comes from the settings."""
    if isinstance(report, CallsReport):
        return f"Calls of {digest.agent_name}"
    return "Access to recordings"


def moment(when: datetime, zone: ZoneInfo) -> str:
    """Format a time in the digest's zone, the same for every reader."""
    local = when.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def period(covered: Period) -> str:
    """Format a period, with the time zone of all times of the digest."""
    since, until = (when.astimezone(covered.zone) for when in (covered.since, covered.until))
    days = (
        f"{since:%a} {since.day} {since:%b %Y %H:%M} to {until:%a} {until.day} {until:%b %Y %H:%M}"
    )
    return f"{days} ({covered.zone.key})"


def count(now: int, before: int | None) -> str:
    """Format a count, the previous one, and the change in percent."""
    if before is None:
        return f"*{now:,}*"
    change = f", {_signed(100 * (now - before) / before)} %" if before else ""
    return f"*{now:,}* ({before:,} before{change})"


def span(now_seconds: float | None, before_seconds: float | None) -> str:
    """Format a duration, and the previous one."""
    now = wording.length(now_seconds) or NOTHING
    before = wording.length(before_seconds)
    return f"*{now}* ({before} before)" if before else f"*{now}*"


def rate(figures: Figures) -> str | None:
    """Format the share of calls that were handed off; None if it is unknown."""
    if not figures.handoff_known:
        return None
    return f"{100 * figures.handoffs / figures.handoff_known:.1f} %"


def marks(those: tuple[Mark, ...]) -> str:
    """Say why a call is notable."""
    return ", ".join(MARKS[mark] for mark in those)


def call(listed: CallSummary, zone: ZoneInfo) -> str:
    """Format one call as a line of mrkdwn."""
    parts = (
        code(listed.conversation_id),
        moment(listed.started_at, zone),
        wording.length(listed.length_seconds),
        listed.direction,
        escape(listed.masked_caller) if listed.masked_caller else None,
    )
    return " · ".join(part for part in parts if part)


def gap(missing: Gap, zone: ZoneInfo) -> str:
    """Word that the figures cover only a part, which one, and why."""
    between = ""
    if missing.earliest and missing.latest:
        first, last = (moment(when, zone) for when in (missing.earliest, missing.latest))
        between = f", begun between {first} and {last}"
    read = wording.counted(missing.read, "conversation")
    return (
        f"*Incomplete:* {problem(missing.problem)}\n"
        f"Only {read} could be read{between}. The figures below cover only these; the number of "
        "missing ones is unknown, so there is no comparison."
    )


def not_compared(why: Problem) -> str:
    """Word why there is no comparison."""
    return f"Not compared with the period before, which could not be read: {problem(why)}"


def problem(failure: Problem) -> str:
    """Word a failure, with PolyAI's correlation id."""
    reference = f" PolyAI {code(failure.correlation_id)}." if failure.correlation_id else ""
    return f"{escape(failure.what)}{reference}"


def skipped(slots: tuple[str, ...]) -> str:
    """Word which earlier posts were missed."""
    shown = ", ".join(escape(slot) for slot in slots[:MAX_SKIPPED])
    more = f" and {len(slots) - MAX_SKIPPED} more" if len(slots) > MAX_SKIPPED else ""
    return f"Missed and not posted: {shown}{more}."


def reason(name: str) -> str:
    """Word the reason of a decision, or the code of a failure."""
    return REASONS[Reason(name)] if name in list(Reason) else name.replace("_", " ")


def paused(digest: Digest, why: str) -> str:
    """Build the text for the owner of a paused digest."""
    of = f" of {code(digest.agent_name)}" if digest.kind == "calls" else ""
    return (
        f"I paused your *{digest.kind.value}* digest{of} in <#{digest.channel_id}> "
        f"({code(digest.timetable)}): {escape(why)}"
    )


def _signed(percent: float) -> str:
    return f"{percent:+,.0f}".replace("-", "\N{MINUS SIGN}")
