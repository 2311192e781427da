"""The charts of a digest as one PNG, for workspaces where Slack does not draw them itself.

The picture has a dark background with round, transparent corners, so that it suits Slack's light
and dark themes.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import fontpkg
from PIL import Image, ImageDraw, ImageFont

from bot.slack.digests.charts import Chart

WIDTH_PIXELS: Final = 1600
HEIGHT_PIXELS: Final = 624
EDGE_PIXELS: Final = 20
CORNER_PIXELS: Final = 40
LEFT_PIXELS, RIGHT_PIXELS = 120, 1528
TOP_PIXELS, BOTTOM_PIXELS = 150, 530
GAP_SHARE: Final = 0.55
"""The gap between two charts, as a share of a chart's width; it has room for a ranking's names."""
GROUND, GRID, INK, FAINT = "#20303c", "#35485a", "#f2f5f7", "#a9b8c4"
COLOURS: Final = ("#4cb7a5", "#7189a0")
BAR_SHARE: Final = 0.76
SERIES_SHARE: Final = 0.92
ROOM: Final = 1.14
MAX_LABELS: Final = 8
MAX_GRID_LINES: Final = 5
TITLE_PIXELS, LABEL_PIXELS, VALUE_PIXELS = 26, 18, 17
SMOOTHING: Final = 2
"""The picture is drawn larger by this factor and scaled down, which smooths its corners."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where one chart is drawn, in pixels."""

    pen: ImageDraw.ImageDraw
    left: float
    right: float

    def across(self, share: float) -> float:
        return self.left + (self.right - self.left) * share

    def up(self, share: float) -> float:
        return BOTTOM_PIXELS - (BOTTOM_PIXELS - TOP_PIXELS) * share

    def down(self, share: float) -> float:
        return TOP_PIXELS + (BOTTOM_PIXELS - TOP_PIXELS) * share

    def bar(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """Fill a rectangle, unless it has no area."""
        corners = (round(left), round(top), round(right) - 1, round(bottom) - 1)
        if corners[2] >= corners[0] and corners[3] >= corners[1]:
            self.pen.rectangle(corners, fill=colour)

    def words(  # noqa: PLR0917 - a place, and how the text is aligned there
        self, x: float, y: float, text: str, colour: str, anchor: str, pixels: int = LABEL_PIXELS
    ) -> float:
        """Write one line at a place; ``anchor`` as in Pillow. Returns its width."""
        font = _font(pixels, is_bold=pixels == TITLE_PIXELS)
        self.pen.text((x, y), text, fill=colour, font=font, anchor=anchor)
        return font.getlength(text)


def draw(charts: Sequence[Chart]) -> bytes:
    """Draw the charts side by side; returns a PNG. Takes about 50 ms: run it in a thread."""
    picture = _card()
    pen = ImageDraw.Draw(picture)
    wide = (RIGHT_PIXELS - LEFT_PIXELS) / (len(charts) + GAP_SHARE * (len(charts) - 1))
    for at, chart in enumerate(charts):
        left = LEFT_PIXELS + at * wide * (1 + GAP_SHARE)
        frame = _Frame(pen, left, left + wide)
        (_draw_ranking if chart.is_ranking else _draw_course)(frame, chart)
        _draw_head(frame, chart)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _card() -> Image.Image:
    size = WIDTH_PIXELS * SMOOTHING, HEIGHT_PIXELS * SMOOTHING
    picture = Image.new("RGBA", (WIDTH_PIXELS, HEIGHT_PIXELS))
    for colour, edge in ((GRID, EDGE_PIXELS), (GROUND, EDGE_PIXELS + 2)):
        mask = Image.new("L", size)
        corners = [
            each * SMOOTHING
            for each in (edge, edge, WIDTH_PIXELS - edge - 1, HEIGHT_PIXELS - edge - 1)
        ]
        ImageDraw.Draw(mask).rounded_rectangle(corners, CORNER_PIXELS * SMOOTHING, fill=255)
        layer = Image.new("RGBA", picture.size, colour)
        layer.putalpha(mask.reduce(SMOOTHING))
        picture.alpha_composite(layer)
    return picture


def _draw_course(frame: _Frame, chart: Chart) -> None:
    """Draw vertical bars for the categories, with a scale on the left."""
    top = _top(chart)
    for value in _grid_values(top):
        y = frame.up(value / top)
        frame.bar(frame.left, y - 1, frame.right, y, GRID)
        frame.words(frame.left - 14, y, f"{value:,}", FAINT, "rm")
    for middle, half, colour, value in _bars(chart):
        frame.bar(
            frame.across(middle - half), frame.up(value / top), frame.across(middle + half),
            frame.up(0), colour,
        )  # fmt: skip
    every = 1 if len(chart.categories) <= MAX_LABELS else 2
    for at in range(0, len(chart.categories), every):
        middle = frame.across((at + 0.5) / len(chart.categories))
        frame.words(middle, frame.up(0) + 24, chart.categories[at], FAINT, "mm")


def _draw_ranking(frame: _Frame, chart: Chart) -> None:
    """Draw horizontal bars, the first on top, each with its value after it."""
    top = _top(chart)
    count = max(len(chart.categories), 3)  # so that few bars are not thick
    for number, (middle, half, colour, value) in enumerate(_bars(chart, count)):
        right = frame.across(value / top)
        frame.bar(frame.left, frame.down(middle - half), right, frame.down(middle + half), colour)
        ink = INK if number < len(chart.categories) else FAINT
        frame.words(right + 8, frame.down(middle), f"{value:,}", ink, "lm", VALUE_PIXELS)
    for at, name in enumerate(chart.categories):
        frame.words(frame.left - 14, frame.down((at + 0.5) / count), name, FAINT, "rm")


def _draw_head(frame: _Frame, chart: Chart) -> None:
    """Write the title, and below it the colour of each series."""
    frame.words(frame.left, 66, chart.title, INK, "lm", TITLE_PIXELS)
    at = frame.left
    for series, colour in zip(chart.series, COLOURS, strict=False):
        frame.bar(at, 102, at + 14, 116, colour)
        at += 24
        at += frame.words(at, 109, series.name, FAINT, "lm") + 32


def _bars(chart: Chart, count: int = 0) -> Iterator[tuple[float, float, str, int]]:
    """Yield each bar: its middle and half its width as shares of the axis, its colour and value."""
    places = count or len(chart.categories)
    wide = BAR_SHARE / len(chart.series)
    for number, series in enumerate(chart.series):
        shift = (number - (len(chart.series) - 1) / 2) * wide
        for at, value in enumerate(series.values):
            middle = (at + 0.5 + shift) / places
            yield middle, wide * SERIES_SHARE / 2 / places, COLOURS[number], value


def _grid_values(top: float) -> range:
    """Return the values of the grid lines: at most five, 1, 2 or 5 times a power of ten apart."""
    step = next(
        factor * 10**power
        for power in range(20)
        for factor in (1, 2, 5)
        if top / (factor * 10**power) <= MAX_GRID_LINES
    )
    return range(0, int(top) + 1, step)


def _top(chart: Chart) -> float:
    return max(1, *(value for series in chart.series for value in series.values)) * ROOM


@cache
def _font(pixels: int, *, is_bold: bool) -> ImageFont.FreeTypeFont:
    """Load Open Sans, which has Latin, Greek and Cyrillic; other characters become boxes."""
    font = ImageFont.truetype(fontpkg.path("Open Sans"), pixels)
    font.set_variation_by_axes([700 if is_bold else 400, 100])  # weight, width
    return font
