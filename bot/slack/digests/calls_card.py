"""The content of a call digest."""

from typing import Final
from zoneinfo import ZoneInfo

from bot.digests.digest import Period
from bot.digests.notable import MAX_LISTED_NOTABLE, Mark, NotableCall
from bot.digests.report import CallsReport, Figures
from bot.slack import wording
from bot.slack.blocks import Block, button, context, fields, quotation, section
from bot.slack.digests import charts, tables, words
from bot.slack.identifiers import Action

MAX_REASONS: Final = 10
MAX_REASON: Final = 80


def blocks(report: CallsReport, period: Period, *, is_plain: bool) -> list[Block]:
    """Build the blocks; ``is_plain``: without blocks that a workspace may refuse."""
    parts = [section(words.gap(report.gap, period.zone))] if report.gap else []
    if report.before_problem:
        parts.append(context(words.not_compared(report.before_problem)))
    if not report.figures.conversations:
        return [*parts, section("There were no conversations in this period.")]
    parts.append(_fields(report, period.zone))
    parts += _reasons(report.figures)
    if not is_plain:
        parts += [charts.block(chart) for chart in charts.charts_of(report, period)]
    if report.notable:
        parts += _notable(report, period.zone, is_plain=is_plain)
    return parts


def summary(report: CallsReport) -> str:
    """Summarize the report in one sentence, for notifications."""
    figures = report.figures
    rate = words.rate(figures)
    handed_off = f", {rate} of calls handed off" if rate else ""
    incomplete = "; incomplete, more could not be read" if report.gap else ""
    return f"{wording.counted(figures.conversations, 'conversation')}{handed_off}{incomplete}"


def _fields(report: CallsReport, zone: ZoneInfo) -> Block:
    now, before = report.figures, report.before
    values = {
        "Calls": words.count(now.calls, before.calls if before else None),
        "Chats": words.count(now.chats, before.chats if before else None) if now.chats else None,
        "Total length": words.span(now.total_seconds, before.total_seconds if before else None),
        "Median length": words.span(now.median_seconds, before.median_seconds if before else None),
        "Handed off": _handed_off(now, before),
        "Direction": _direction(now),
        "Longest": words.call(now.longest, zone) if now.longest else None,
        "Shortest": words.call(now.shortest, zone) if now.shortest else None,
        "Silent or failed": _silent(now, before),
        "Busiest hour": _busiest(now),
    }
    return fields(values)


def _handed_off(now: Figures, before: Figures | None) -> str | None:
    rate = words.rate(now)
    if rate is None:
        return None
    was = words.rate(before) if before else None
    compared = f" ({was} before)" if was else ""
    return f"*{rate}*{compared}, {wording.counted(now.handoffs, 'call')}"


def _direction(now: Figures) -> str | None:
    if not now.inbound + now.outbound:
        return None
    unknown = now.calls - now.inbound - now.outbound
    rest = f", {unknown:,} unknown" if unknown else ""
    return f"{now.inbound:,} inbound, {now.outbound:,} outbound{rest}"


def _silent(now: Figures, before: Figures | None) -> str:
    cut = words.count(now.cut_short, before.cut_short if before else None)
    lines = [f"{cut} {words.MARKS[Mark.CUT_SHORT]}"]
    if now.turns_known:
        silent = words.count(now.silent, before.silent if before else None)
        lines.insert(0, f"{silent} in which the person never spoke")
    if now.in_progress:
        lines.append(f"{now.in_progress:,} still went on")
    return "\n".join(lines)


def _busiest(now: Figures) -> str | None:
    if now.busiest is None:
        return None
    start = now.busiest.starts_at
    conversations = wording.counted(now.busiest.conversations, "conversation")
    return f"{start:%a} {start.day} {start:%b %H:%M}, {conversations}"


def _reasons(figures: Figures) -> list[Block]:
    """List the top reasons as plain text: they are the agent's own words."""
    if not figures.handoffs:
        return []
    named = figures.reasons[:MAX_REASONS]
    top = [f"{each.name[:MAX_REASON]} ({each.count:,})" for each in named]
    rest = figures.handoffs - sum(each.count for each in named)
    if rest:
        top.append(f"other or unknown ({rest:,})")
    return [quotation(f"Handed off because: {', '.join(top)}")]


def _notable(report: CallsReport, zone: ZoneInfo, *, is_plain: bool) -> list[Block]:
    parts = [] if is_plain else [tables.notable_calls(report.notable, zone)]
    parts.append(section("*Most worth hearing*"))
    for at, notable in enumerate(report.notable, start=1):
        if at <= MAX_LISTED_NOTABLE:
            # The decision uses the rights of the person who presses the button.
            value = f"{report.agent_name}:{notable.call.conversation_id}"
            get = button(Action.GET_FROM_DIGEST, "Get call audio", value)
            parts.append(section(f"*{at}.* {_line(notable, zone)}") | {"accessory": get})
        elif is_plain:
            parts.append(context(f"{at}. {_line(notable, zone)}"))
    return parts


def _line(notable: NotableCall, zone: ZoneInfo) -> str:
    return f"{words.call(notable.call, zone)}\n{wording.escape(words.marks(notable.marks))}"
