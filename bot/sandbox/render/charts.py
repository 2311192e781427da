"""``data_visualization``: bar, line, area and pie charts as inline SVG."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from bot.sandbox.render.markup import Block, Html, UnrenderableError, join, tag

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 44
_TICKS = 4
_COLOURS = 12


def chart(block: Block) -> Html:
    """Draw a chart with its title and its legend.

    Raises:
        UnrenderableError: a chart of another kind.
    """
    about = block["chart"]
    draw = _CHARTS.get(about.get("type"))
    if draw is None:
        raise UnrenderableError(f"chart: {about.get('type')!r}")
    names = [each.get("name") or each["label"] for each in about.get("series", ())]
    names = names or [f"{each['label']} ({each['value']:g})" for each in about.get("segments", ())]
    keys = [
        tag("span", tag("i", class_=f"key s{at % _COLOURS}"), name) for at, name in enumerate(names)
    ]
    drawing = tag("svg", *draw(about), viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
    title = tag("div", str(block["title"]), class_="caption")
    return tag("div", title, drawing, tag("div", *keys, class_="legend"), class_="chart")


class _Plane:
    """Converts categories and values into points of the drawing."""

    def __init__(self, about: Block) -> None:
        axis = about.get("axis_config") or {}
        self.categories: Sequence[str] = axis["categories"]
        self.labels = (str(axis.get("x_label", "")), str(axis.get("y_label", "")))
        self.series = [
            [float({p["label"]: p["value"] for p in each["data"]}[c]) for c in self.categories]
            for each in about["series"]
        ]
        values = [value for series in self.series for value in series]
        self.step = _nice((max([*values, 0]) - min([*values, 0])) / _TICKS)
        self.low = math.floor(min([*values, 0]) / self.step) * self.step
        self.high = max(math.ceil(max([*values, 0]) / self.step) * self.step, self.low + self.step)
        self.slot = (WIDTH - _LEFT - _RIGHT) / len(self.categories)

    def x(self, at: float) -> float:
        """The middle of a category's slot."""
        return round(_LEFT + self.slot * (at + 0.5), 1)

    def y(self, value: float) -> float:
        """The height of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP), 1)

    def frame(self) -> list[Html]:
        """Grid lines, values and categories."""
        drawn = []
        for number in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + number * self.step
            y = self.y(value)
            drawn.append(tag("path", d=f"M{_LEFT} {y}H{WIDTH - _RIGHT}", class_="grid"))
            drawn.append(tag("text", f"{value:,.9g}", x=_LEFT - 8, y=y + 4, class_="end"))
        every = math.ceil(max(len(str(c)) for c in self.categories) * 7 / self.slot)
        for at, category in enumerate(self.categories):
            if at % every == 0:
                drawn.append(_text(str(category), self.x(at), HEIGHT - _BOTTOM + 17))
        x_label, y_label = self.labels
        drawn += [_text(x_label, (_LEFT + WIDTH) / 2, HEIGHT - 6)] if x_label else []
        if y_label:
            turned = f"rotate(-90 11 {HEIGHT / 2:g})"
            drawn.append(tag("text", y_label, x=11, y=HEIGHT / 2, class_="mid", transform=turned))
        return drawn


def _bars(about: Block) -> list[Html]:
    plane = _Plane(about)
    drawn = plane.frame()
    width = min(plane.slot * 0.7 / len(plane.series), 48)
    for number, values in enumerate(plane.series):
        shift = (number - len(plane.series) / 2) * width
        for at, value in enumerate(values):
            top, foot = sorted((plane.y(value), plane.y(0)))
            box = {"x": round(plane.x(at) + shift + 1, 1), "y": top, "rx": 2}
            look = f"s{number % _COLOURS}"
            size = {"width": round(width - 2, 1), "height": round(foot - top, 1)}
            drawn.append(tag("rect", **box, **size, class_=look))
    return drawn


def _lines(about: Block, *, filled: bool = False) -> list[Html]:
    plane = _Plane(about)
    drawn = plane.frame()
    for number, values in enumerate(plane.series):
        look = f"s{number % _COLOURS}"
        points = [(plane.x(at), plane.y(value)) for at, value in enumerate(values)]
        path = "M" + "L".join(f"{x} {y}" for x, y in points)
        if filled:
            foot = plane.y(0)
            closed = f"{path}L{points[-1][0]} {foot}L{points[0][0]} {foot}Z"
            drawn.append(tag("path", d=closed, class_=f"area {look}"))
        drawn.append(tag("path", d=path, class_=f"line {look}"))
        drawn += [tag("circle", cx=x, cy=y, r=3, class_=look) for x, y in points]
    return drawn


def _pie(about: Block) -> list[Html]:
    segments = about["segments"]
    total = sum(float(each["value"]) for each in segments)
    middle, radius, turn = (WIDTH / 2, HEIGHT / 2), HEIGHT / 2 - 12, 0.0
    drawn = []
    for number, each in enumerate(segments):
        share = float(each["value"]) / total
        look = f"slice s{number % _COLOURS}"
        if share == 1:
            return [tag("circle", cx=middle[0], cy=middle[1], r=radius, class_=look)]
        start, end = _on_circle(middle, radius, turn), _on_circle(middle, radius, turn + share)
        path = f"M{middle[0]} {middle[1]}L{start}A{radius} {radius} 0 {int(share > 1 / 2)} 1 {end}Z"
        drawn.append(tag("path", d=path, class_=look))
        turn += share
    return drawn


def _on_circle(middle: tuple[float, float], radius: float, turn: float) -> str:
    angle = (turn - 0.25) * math.tau
    x, y = middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle)
    return f"{x:.1f} {y:.1f}"


def _nice(step: float) -> float:
    """The next round figure: 1, 2 or 5 times a power of ten."""
    if step <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))


def _text(words: str, x: float, y: float) -> Html:
    return tag("text", join(words), x=x, y=y, class_="mid")


_CHARTS: dict[Any, Callable[[Block], list[Html]]] = {
    "bar": _bars,
    "line": _lines,
    "area": lambda about: _lines(about, filled=True),
    "pie": _pie,
}
