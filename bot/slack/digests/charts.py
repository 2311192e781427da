"""The charts of a digest, for Slack's own blocks and for the fallback picture."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from bot.digests.digest import Period
from bot.digests.report import AccessReport, CallsReport, Figures, Report
from bot.slack.blocks import Block
from bot.slack.digests import words
from bot.slack.wording import outcome

# Slack's limits (docs: "data_visualization"): 20 points a series, 20 characters a label, 2 charts a
# message.
MAX_LABEL: Final = 20
HOURS_A_BIN: Final = 2
MAX_REASONS: Final = 8
THIS, BEFORE = "this period", "period before"
OUTCOMES: Final = ("raw", "redacted", "refused", "failed", "unconfirmed")


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each category."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars by category; ``is_ranking``: names, the most frequent first, not a series in time."""

    title: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    x_label: str
    y_label: str
    is_ranking: bool = False


def charts_of(report: Report, period: Period) -> list[Chart]:
    """Build at most two charts; none if there is nothing to show."""
    if isinstance(report, CallsReport):
        return _of_calls(report, period)
    return _of_access(report)


def block(chart: Chart) -> Block:
    """Build the block with which Slack draws a chart (docs: "data_visualization")."""
    return {
        "type": "data_visualization",
        "title": chart.title,
        "chart": {
            "type": "bar",
            "series": [_series(chart, each) for each in chart.series],
            "axis_config": {
                "categories": list(chart.categories),
                "x_label": chart.x_label,
                "y_label": chart.y_label,
            },
        },
    }


def _series(chart: Chart, series: Series) -> dict[str, Any]:
    points = zip(chart.categories, series.values, strict=True)
    return {
        "name": series.name,
        "data": [{"label": label, "value": value} for label, value in points],
    }


def _of_calls(report: CallsReport, period: Period) -> list[Chart]:
    figures = report.figures
    if not figures.conversations:
        return []
    hours = [Series(THIS, _in_bins(figures))]
    if report.before:
        hours.append(Series(BEFORE, _in_bins(report.before)))
    starts = range(0, 24, HOURS_A_BIN)
    by_hour = Chart(
        title="Conversations by hour of the day",
        categories=tuple(f"{start:02}-{start + HOURS_A_BIN:02}" for start in starts),
        series=tuple(hours),
        x_label=period.zone.key[:50],
        y_label="conversations",
    )
    return [by_hour, *_of_handoffs(figures, report.before)]


def _of_handoffs(figures: Figures, before: Figures | None) -> list[Chart]:
    names = [each.name for each in figures.reasons[:MAX_REASONS]]
    if not names:
        return []
    has_more = any(each and each.handoffs > sum(_named(each, names)) for each in (figures, before))
    labels = [*names, "other or unknown"] if has_more else names
    series = [Series(THIS, _with_rest(figures, names, has_more=has_more))]
    if before:
        series.append(Series(BEFORE, _with_rest(before, names, has_more=has_more)))
    chart = Chart(
        title="Why calls were handed off",
        categories=_distinct(labels),
        series=tuple(series),
        x_label="reason",
        y_label="calls",
        is_ranking=True,
    )
    return [chart]


def _of_access(report: AccessReport) -> list[Chart]:
    if not report.deliveries:
        return []
    by_outcome = {each.name: each.count for each in report.outcomes}
    known = [name for name in OUTCOMES if name in by_outcome]
    outcomes = Chart(
        title="Requested recordings, by outcome",
        categories=tuple(map(outcome, known)),
        series=(Series("recordings", tuple(by_outcome[name] for name in known)),),
        x_label="outcome",
        y_label="recordings",
    )
    by_reason: Counter[str] = Counter()
    for each in report.reasons:
        by_reason[words.reason(each.reason)] += each.count
    ranked = by_reason.most_common(MAX_REASONS)
    reasons = Chart(
        title="Why",
        categories=_distinct([name for name, _ in ranked]),
        series=(Series("recordings", tuple(count for _, count in ranked)),),
        x_label="reason",
        y_label="recordings",
        is_ranking=True,
    )
    return [outcomes, reasons]


def _in_bins(figures: Figures) -> tuple[int, ...]:
    starts = range(0, 24, HOURS_A_BIN)
    return tuple(sum(figures.hours[start : start + HOURS_A_BIN]) for start in starts)


def _named(figures: Figures, names: list[str]) -> list[int]:
    by_name = {each.name: each.count for each in figures.reasons}
    return [by_name.get(name, 0) for name in names]


def _with_rest(figures: Figures, names: list[str], *, has_more: bool) -> tuple[int, ...]:
    named = _named(figures, names)
    return (*named, figures.handoffs - sum(named)) if has_more else tuple(named)


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Cut names to the length of a label and make them unique, as a chart requires."""
    found: list[str] = []
    for name in names:
        # One line, and never empty.
        label = " ".join(name.split()) or words.NOTHING
        cut = label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"
        number = 2
        while cut in found:
            suffix = f"… {number}"
            cut, number = f"{label[: MAX_LABEL - len(suffix)]}{suffix}", number + 1
        found.append(cut)
    return tuple(found)
