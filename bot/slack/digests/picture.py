"""The charts of a digest as one PNG, for workspaces that do not draw them by themselves.

A card of its own dark ground, round at the corners and clear around them: it reads alike in Slack's
light and dark themes.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from bot.slack.digests.charts import Chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI: Final = 160
WIDTH_INCHES: Final = 10.0
HEIGHT_INCHES: Final = 3.9
GROUND, GRID, INK, FAINT = "#20303c", "#35485a", "#f2f5f7", "#a9b8c4"
COLOURS: Final = ("#4cb7a5", "#7189a0")
BAR_SHARE: Final = 0.76
ROOM: Final = 1.14
MAX_LABELS: Final = 8


def draw(charts: Sequence[Chart]) -> bytes:
    """Draw the charts side by side; gives a PNG. Takes a moment: not for the event loop."""
    # Imported here: it takes most of a second and 40 MB, which most processes never need.
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DPI)
    figure.patch.set_alpha(0)
    card = FancyBboxPatch(
        (0.012, 0.03),
        0.976,
        0.94,
        boxstyle="round,pad=0,rounding_size=0.025",
        mutation_aspect=WIDTH_INCHES / HEIGHT_INCHES,
        facecolor=GROUND,
        edgecolor=GRID,
        linewidth=0.8,
        zorder=-1,
        transform=figure.transFigure,
    )
    figure.add_artist(card)
    grid = figure.add_gridspec(
        1, len(charts), left=0.075, right=0.955, top=0.76, bottom=0.15, wspace=0.55
    )
    for at, chart in enumerate(charts):
        axes = figure.add_subplot(grid[0, at])
        axes.set_facecolor("none")
        (_ranking if chart.is_ranking else _course)(axes, chart)
        _finish(axes, chart)
    out = io.BytesIO()
    figure.savefig(out, format="png", transparent=False, facecolor="none")
    return out.getvalue()


def _course(axes: "Axes", chart: Chart) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - as above

    wide = BAR_SHARE / len(chart.series)
    for number, series in enumerate(chart.series):
        shift = (number - (len(chart.series) - 1) / 2) * wide
        places = [at + shift for at in range(len(chart.categories))]
        axes.bar(places, series.values, width=wide * 0.92, color=COLOURS[number], zorder=3)
    every = 1 if len(chart.categories) <= MAX_LABELS else 2
    shown = range(0, len(chart.categories), every)
    axes.set_xticks(shown, [_drawable()(chart.categories[at]) for at in shown])
    axes.set_ylim(0, _top(chart))
    axes.yaxis.grid(visible=True, color=GRID, linewidth=0.7, zorder=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _ranking(axes: "Axes", chart: Chart) -> None:
    wide = BAR_SHARE / len(chart.series)
    for number, series in enumerate(chart.series):
        shift = (number - (len(chart.series) - 1) / 2) * wide
        places = [at + shift for at in range(len(chart.categories))]
        axes.barh(places, series.values, height=wide * 0.92, color=COLOURS[number], zorder=3)
        for place, value in zip(places, series.values, strict=True):
            axes.text(
                value + _top(chart) * 0.012,
                place,
                f"{value:,}",
                color=INK if number == 0 else FAINT,
                fontsize=7.4,
                va="center",
                zorder=4,
            )
    axes.set_yticks(range(len(chart.categories)), list(map(_drawable(), chart.categories)))
    axes.set_ylim(max(len(chart.categories), 3) - 0.4, -0.6)  # the first on top, bars never thick
    axes.set_xlim(0, _top(chart))
    axes.xaxis.set_visible(False)


def _finish(axes: "Axes", chart: Chart) -> None:
    drawable = _drawable()
    axes.text(
        0,
        1.2,
        drawable(chart.title),
        transform=axes.transAxes,
        color=INK,
        fontsize=11.5,
        fontweight="bold",
        parse_math=False,
    )
    at = 0.0
    for number, series in enumerate(chart.series):
        name = drawable(series.name)
        _legend(axes, "\N{BLACK SQUARE}", at, COLOURS[number])
        _legend(axes, name, at + 11, FAINT)
        at += 27 + 4.7 * len(name)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, colors=FAINT, labelsize=8)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a reason may hold a dollar sign


def _legend(axes: "Axes", text: str, points: float, colour: str) -> None:
    axes.annotate(
        text,
        (0, 1.08),
        xycoords="axes fraction",
        xytext=(points, 0),
        textcoords="offset points",
        color=colour,
        fontsize=8,
        parse_math=False,
    )


def _top(chart: Chart) -> float:
    return max(1, *(value for series in chart.series for value in series.values)) * ROOM


@cache
def _drawable() -> Callable[[str], str]:
    """Give what puts a box in the place of characters that the font does not have."""
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415 - as above

    known: Mapping[int, int] = get_font(findfont("DejaVu Sans")).get_charmap()

    def drawable(text: str) -> str:
        return "".join(each if ord(each) in known else "\N{WHITE SQUARE}" for each in text)

    return drawable
