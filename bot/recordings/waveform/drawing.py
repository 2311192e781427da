"""Draws a waveform as a PNG for Slack's light and dark backgrounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.spans import Span
from bot.recordings.waveform.canvas import (
    Canvas,
    Levels,
    degrees,
    ink,
    on_ground,
    shaded,
    text_pixels,
)
from bot.recordings.waveform.scan import Waveform

WIDTH_PIXELS: Final = 1200
LANE_PIXELS: Final = {1: 200, 2: 125}
"""The height by the number of lanes; the times and, if needed, a legend are below."""
TIME_PIXELS: Final = 40
BAND_PIXELS: Final = 24
"""The heights of the band with the times, of a name and of a legend."""
LEGEND_PIXELS: Final = 32
MARGIN_PIXELS: Final = 28
NAMES_PIXELS: Final = 100
"""The margin to the left of each lane, if there are several."""
HEAD_PIXELS: Final = 20
"""The solid head of a shaded stretch: it has the label, and makes a short mute visible."""
ROOM_PIXELS: Final = 6
"""The margin on both sides of a label."""
TICK_PIXELS: Final = 7
SWING: Final = 0.44
"""How far full loudness reaches from the middle, as a share of a lane's height."""
BAR_PIXELS: Final = 3
PITCH_PIXELS: Final = 4
"""The distance of bars, in whole pixels, so that their edges need no smoothing."""
# The background is transparent, so the colours must be visible on white and on near-black.
SOUND: Final = "#2b8fd6"
MUTED: Final = "#cf7413"
# No colour of letters is readable on both, so each word has its own background.
BAND: Final = "#4b515a"
ON_BAND: Final = "#f6f7f9"
ON_MUTED: Final = "#1a1206"
SILENCE_OPACITY: Final = 0.45
"""The thickness of the line in the middle, which represents silence."""
SHADE_OPACITY: Final = 0.28
LEAST_PEAK: Final = 0.05
"""Below this level a recording is not scaled up further."""
TICK_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MOST_TICKS: Final = 13


IN_SOUND, IN_SHADED, IN_MUTED, IN_BAND, IN_MUTED_WORDS, IN_WORDS = range(6)
INKS: Final = (
    ink(SOUND),
    shaded(SOUND, MUTED, SHADE_OPACITY),
    ink(MUTED),
    ink(BAND),
    on_ground(ON_MUTED, MUTED),
    on_ground(ON_BAND, BAND),
)


@dataclass(frozen=True, slots=True)
class Lane:
    """The area of one channel, in pixels."""

    left: int
    right: int
    top: int
    bottom: int
    length_seconds: float

    @property
    def middle(self) -> float:
        """Halfway between top and bottom."""
        return (self.top + self.bottom) / 2

    def across(self, seconds: float) -> float:
        """Return the place of a time of the recording."""
        return self.left + (self.right - self.left) * seconds / self.length_seconds


def draw(waveform: Waveform, label: str | None) -> bytes:
    """Draw one lane per channel, with times below; the same input gives the same bytes.

    Stretches of silence are shaded if there is a label for them.
    """
    lanes = lanes_of(waveform)
    last = lanes[-1]
    label = label or ""
    spans = waveform.silences.kept if label else ()
    labelled = labelled_spans(label, spans, last)
    legend = LEGEND_PIXELS if spans and not labelled else 0
    canvas = Canvas(WIDTH_PIXELS, last.bottom + TIME_PIXELS + legend, INKS)
    peak = max(LEAST_PEAK, float(max(-waveform.lows.min(), waveform.highs.max())))
    for channel, lane in enumerate(lanes):
        canvas.paint(IN_SOUND, lane.left, lane.top, _sound(lane, waveform, channel, peak))
        if len(lanes) > 1:
            # PolyAI does not say which side is which, so the words must not guess.
            _write_name(canvas, lane, f"channel {channel + 1}")
        for span in spans:
            _draw_mark(canvas, lane, span)
    for span in labelled:
        middle = lanes[0].across((span.start_seconds + span.end_seconds) / 2)
        canvas.words(IN_MUTED_WORDS, middle, HEAD_PIXELS / 2, label)
    _draw_time(canvas, last)
    if legend:
        _draw_legend(canvas, last, label)
    return canvas.png()


def labelled_spans(label: str, spans: Sequence[Span], lane: Lane) -> list[Span]:
    """Return the stretches that are wide enough for the label."""
    wanted = text_pixels(label) + 2 * ROOM_PIXELS
    return [
        span
        for span in spans
        if lane.across(span.end_seconds) - lane.across(span.start_seconds) >= wanted
    ]


def lanes_of(waveform: Waveform) -> list[Lane]:
    """Return the area of each channel; several have names to their left."""
    height = LANE_PIXELS[waveform.channels]
    return [
        Lane(
            left=NAMES_PIXELS if waveform.channels > 1 else MARGIN_PIXELS,
            right=WIDTH_PIXELS - MARGIN_PIXELS,
            top=channel * height,
            bottom=(channel + 1) * height,
            length_seconds=max(waveform.length_seconds, waveform.bin_seconds),
        )
        for channel in range(waveform.channels)
    ]


def _sound(lane: Lane, waveform: Waveform, channel: int, peak: float) -> Levels:
    """Draw bars with round ends, each with the height of its loudest sample."""
    height, width = lane.bottom - lane.top, lane.right - lane.left
    bars = width // PITCH_PIXELS
    starts = np.arange(bars) * (lane.length_seconds / bars / waveform.bin_seconds)
    firsts = np.minimum(starts.astype(np.intp), len(waveform.lows) - 1)
    reach, middle = height * SWING / peak, height / 2
    tops = middle - reach * np.maximum.reduceat(waveform.highs[:, channel], firsts)
    bottoms = middle - reach * np.minimum.reduceat(waveform.lows[:, channel], firsts)
    levels = np.zeros((height, bars, PITCH_PIXELS), np.uint8)
    for column in range(BAR_PIXELS):
        # The semicircle at each end is lower at its edges than in its middle.
        off = abs(column - (BAR_PIXELS - 1) / 2)
        rounding = (BAR_PIXELS**2 / 4 - off**2) ** 0.5
        levels[:, :, column] = _columns(tops - rounding, bottoms + rounding, height)
    sound: Levels = levels.reshape(height, -1)
    silence = sound[round(middle)]
    np.maximum(silence, degrees(np.array(SILENCE_OPACITY)), out=silence)
    return sound


def _columns(tops: NDArray[Any], bottoms: NDArray[Any], height: int) -> Levels:
    """Draw columns of one pixel's width, with anti-aliased ends."""
    rows = np.arange(height)[:, None]
    return degrees(np.minimum(rows + 1, bottoms) - np.maximum(rows, tops))


def _draw_mark(canvas: Canvas, lane: Lane, span: Span) -> None:
    left = round(lane.across(span.start_seconds))
    right = max(left + 1, round(lane.across(span.end_seconds)))
    canvas.change(IN_SOUND, IN_SHADED, (left, lane.top + HEAD_PIXELS, right, lane.bottom))
    canvas.fill(IN_MUTED, (left, lane.top, right, lane.top + HEAD_PIXELS))


def _draw_time(canvas: Canvas, lane: Lane) -> None:
    """Draw the times on a band as wide as the sound, plus half a time on both sides."""
    top = lane.bottom + TICK_PIXELS + 1
    bottom = top + BAND_PIXELS
    canvas.rounded(IN_BAND, (lane.left - MARGIN_PIXELS + 2, top, WIDTH_PIXELS - 2, bottom))
    length = lane.length_seconds
    step = next((each for each in TICK_SECONDS if length / each <= MOST_TICKS), TICK_SECONDS[-1])
    for tick in np.arange(0, length + step / 1000, step).tolist():
        at = lane.across(tick)
        left = round(at - 0.5)
        canvas.fill(IN_SOUND, (left, lane.bottom, left + 1, lane.bottom + TICK_PIXELS))
        canvas.words(IN_WORDS, at, (top + bottom) / 2, _clock(int(tick)))


def _write_name(canvas: Canvas, lane: Lane, name: str) -> None:
    right = lane.left - 14
    left = round(right - text_pixels(name) - 2 * ROOM_PIXELS)
    top = round(lane.middle - BAND_PIXELS / 2)
    canvas.rounded(IN_BAND, (left, top, right, top + BAND_PIXELS))
    canvas.words(IN_WORDS, (left + right) / 2, lane.middle, name)


def _draw_legend(canvas: Canvas, lane: Lane, label: str) -> None:
    """Draw a legend for the shading, if no stretch has room for the label."""
    top = lane.bottom + TIME_PIXELS + 2
    bottom = top + BAND_PIXELS
    right = round(lane.left + text_pixels(label) + 4 * ROOM_PIXELS)
    canvas.rounded(IN_MUTED, (lane.left, top, right, bottom))
    canvas.words(IN_MUTED_WORDS, (lane.left + right) / 2, (top + bottom) / 2, label)


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
