"""Draws a waveform as a PNG that is at home on Slack's light and its dark background.

Matplotlib takes a second to load: import this module only where something is drawn.
"""

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bot.recordings.waveform.shape import Waveform
from bot.recordings.waveform.spans import Span

DOTS_PER_INCH: Final = 100
WIDTH_PIXELS: Final = 1200
LANE_PIXELS: Final = {1: 200, 2: 125}
"""By the number of lanes; the time below takes the rest."""
TIME_PIXELS: Final = 40
MARGIN_PIXELS: Final = 28
NAMES_PIXELS: Final = 84
"""To the left of each lane where there are several."""
BARS: Final = 292
BAR_POINTS: Final = 2.0
# Nothing is drawn behind the sound, so every colour must be seen on white and on near-black.
SOUND: Final = "#2b8fd6"
MUTED: Final = "#dc7f1e"
WORDS: Final = "#82878f"
TYPE_POINTS: Final = 9.5
LEAST_PEAK: Final = 0.05
"""A recording quieter than that is drawn as quiet as it is, and not blown up further."""
LEAST_LABEL: Final = 0.05
"""Of the width: a shorter stretch has no room for its label."""
TICK_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MOST_TICKS: Final = 13


@dataclass(frozen=True, slots=True)
class Marks:
    """Stretches to be shaded, and the word for them."""

    label: str
    spans: tuple[Span, ...]


def draw(waveform: Waveform, marks: Marks | None) -> bytes:
    """Draw it: one lane a channel, minutes and seconds below; the same input, the same bytes."""
    lane_pixels = LANE_PIXELS[waveform.channels]
    height = lane_pixels * waveform.channels + TIME_PIXELS
    figure = Figure((WIDTH_PIXELS / DOTS_PER_INCH, height / DOTS_PER_INCH), DOTS_PER_INCH)
    figure.patch.set_alpha(0)
    length = max(waveform.length_seconds, waveform.bin_seconds)
    peak = max(LEAST_PEAK, float(max(-waveform.lows.min(), waveform.highs.max())))
    for channel in range(waveform.channels):
        bottom = TIME_PIXELS + lane_pixels * (waveform.channels - 1 - channel)
        axes = _lane(figure, waveform.channels, (bottom / height, lane_pixels / height), length)
        _draw_marks(axes, marks, length, is_top=channel == 0)
        _draw_sound(axes, waveform, channel, peak)
        _draw_time(axes, length, shown=channel == waveform.channels - 1)
        if waveform.channels > 1:
            # Which side is which PolyAI does not tell: the words must not guess.
            _write(axes, -0.012, 0.5, f"channel {channel + 1}", va="center", ha="right")
    file = io.BytesIO()
    FigureCanvasAgg(figure)  # the figure draws itself on it
    figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return file.getvalue()


def _lane(figure: Figure, lanes: int, across: tuple[float, float], length: float) -> Axes:
    bottom, height = across
    left = (NAMES_PIXELS if lanes > 1 else MARGIN_PIXELS) / WIDTH_PIXELS
    width = 1 - left - MARGIN_PIXELS / WIDTH_PIXELS
    axes = figure.add_axes((left, bottom, width, height))
    axes.set(xlim=(0, length), ylim=(-1.12, 1.12))
    axes.patch.set_alpha(0)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return axes


def _draw_sound(axes: Axes, waveform: Waveform, channel: int, peak: float) -> None:
    lows, highs = waveform.lows[:, channel] / peak, waveform.highs[:, channel] / peak
    count = min(BARS, len(lows))
    starts = np.arange(count) * len(lows) // count
    low, high = np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts)
    ends = np.append(starts[1:], len(lows))
    middle = np.minimum((starts + ends) / 2 * waveform.bin_seconds, waveform.length_seconds)
    axes.axhline(0, color=SOUND, alpha=0.45, linewidth=1)  # all there is to see of silence
    width = BAR_POINTS * max(1.0, BARS / count * 0.8)
    axes.add_collection(
        LineCollection(_bars(middle, low, high), colors=SOUND, linewidths=width, capstyle="round"),
        autolim=False,
    )


def _bars(
    at: NDArray[np.float64], low: NDArray[np.float32], high: NDArray[np.float32]
) -> list[NDArray[np.float64]]:
    return list(np.stack([np.stack([at, low], axis=1), np.stack([at, high], axis=1)], axis=1))


def _draw_marks(axes: Axes, marks: Marks | None, length: float, *, is_top: bool) -> None:
    if marks is None:
        return
    for span in marks.spans:
        axes.axvspan(span.start_seconds, span.end_seconds, color=MUTED, alpha=0.28, linewidth=0)
        share = (span.end_seconds - span.start_seconds) / length
        if is_top and share >= LEAST_LABEL:
            middle = (span.start_seconds + span.end_seconds) / 2 / length
            _write(axes, middle, 0.94, marks.label, va="top", ha="center", color=MUTED)


def _draw_time(axes: Axes, length: float, *, shown: bool) -> None:
    axes.spines["bottom"].set_visible(shown)
    axes.spines["bottom"].set_color(WORDS)
    step = next((each for each in TICK_SECONDS if length / each <= MOST_TICKS), TICK_SECONDS[-1])
    ticks = np.arange(0, length + step / 1000, step) if shown else np.array([])
    labels = [_clock(int(tick)) for tick in ticks]
    axes.set_xticks(ticks, labels=labels, color=WORDS, size=TYPE_POINTS)
    axes.tick_params(axis="x", color=WORDS, length=4)


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _write(
    axes: Axes, x: float, y: float, text: str, *, va: str, ha: str, color: str = WORDS
) -> None:
    axes.text(x, y, text, transform=axes.transAxes, color=color, size=TYPE_POINTS, va=va, ha=ha)
