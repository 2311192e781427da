"""Draws a waveform as a PNG that is at home on Slack's light and its dark background."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bot.recordings.waveform.shape import Waveform
from bot.recordings.waveform.spans import Span

WIDTH_PIXELS: Final = 1200
LANE_PIXELS: Final = {1: 200, 2: 125}
"""By the number of lanes; the time below takes the rest."""
TIME_PIXELS: Final = 40
MARGIN_PIXELS: Final = 28
NAMES_PIXELS: Final = 84
"""To the left of each lane where there are several."""
SWING: Final = 0.44
"""Of a lane's height: how far full loudness reaches from its middle."""
BARS: Final = 292
BAR_PIXELS: Final = 2.8
TICK_PIXELS: Final = 5
# Nothing is drawn behind the sound, so every colour must be seen on white and on near-black. Four
# to one is about the best there is on both; the label brings a background of its own.
SOUND: Final = "#2b8fd6"
MUTED: Final = "#b35c00"
LABEL: Final = "#ffffff"
WORDS: Final = "#7b7f86"
MIDDLE_OPACITY: Final = 0.45
MUTED_OPACITY: Final = 0.3
TYPE_PIXELS: Final = 14
LABEL_PADDING_PIXELS: Final = 7
LABEL_HEIGHT_PIXELS: Final = 21
LEAST_PEAK: Final = 0.05
"""A recording quieter than that is drawn as quiet as it is, and not blown up further."""
TICK_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MOST_TICKS: Final = 13
SHARPNESS: Final = 2
"""Drawn larger by this and then scaled down, which smooths the edges."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Stretches to be shaded, and the word for them."""

    label: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Lane:
    """Where one channel is drawn, in pixels."""

    left: float
    right: float
    top: float
    height: float
    length_seconds: float

    @property
    def middle(self) -> float:
        return self.top + self.height / 2

    def across(self, seconds: float) -> float:
        """Where an instant of the recording is."""
        return self.left + (self.right - self.left) * seconds / self.length_seconds


class _Layer:
    """What is drawn in one colour; only how opaque it is where is kept."""

    def __init__(self, colour: str, height: int) -> None:
        self._colour = colour
        self._mask = Image.new("L", (WIDTH_PIXELS * SHARPNESS, height * SHARPNESS))
        self._pen = ImageDraw.Draw(self._mask)
        self._type = ImageFont.load_default(TYPE_PIXELS * SHARPNESS)

    def box(self, left: float, top: float, right: float, bottom: float, opacity: float) -> None:
        corners = [round(edge * SHARPNESS) for edge in (left, top, right, bottom)]
        # Both corners belong to a rectangle, and it is never thinner than it can be drawn.
        corners[2], corners[3] = max(corners[0], corners[2] - 1), max(corners[1], corners[3] - 1)
        self._pen.rectangle(corners, fill=round(255 * opacity))

    def rounded(self, left: float, top: float, right: float, bottom: float, radius: float) -> None:
        corners = [edge * SHARPNESS for edge in (left, top, right, bottom)]
        self._pen.rounded_rectangle(corners, radius * SHARPNESS, fill=255)

    def words(self, at: float, top: float, text: str, anchor: str) -> None:
        self._pen.text(
            (at * SHARPNESS, top * SHARPNESS), text, fill=255, font=self._type, anchor=anchor
        )

    def width_of(self, text: str) -> float:
        return self._type.getlength(text) / SHARPNESS

    def laid_over(self, picture: Image.Image) -> None:
        layer = Image.new("RGBA", picture.size, self._colour)
        layer.putalpha(self._mask.reduce(SHARPNESS))
        picture.alpha_composite(layer)


def draw(waveform: Waveform, marks: Marks | None) -> bytes:
    """Draw it: one lane a channel, minutes and seconds below; the same input, the same bytes."""
    lanes = list(_lanes(waveform))
    height = round(lanes[-1].top + lanes[-1].height) + TIME_PIXELS
    layers = [_Layer(colour, height) for colour in (MUTED, LABEL, SOUND, WORDS)]
    shades, labels, sound, words = layers
    if marks:
        _draw_marks(shades, labels, lanes, marks)
    peak = max(LEAST_PEAK, float(max(-waveform.lows.min(), waveform.highs.max())))
    for channel, lane in enumerate(lanes):
        _draw_sound(sound, lane, waveform, channel, peak)
        if len(lanes) > 1:
            # Which side is which PolyAI does not tell: the words must not guess.
            words.words(lane.left - 14, lane.middle, f"channel {channel + 1}", "rm")
    _draw_time(words, lanes[-1])
    picture = Image.new("RGBA", (WIDTH_PIXELS, height))
    for layer in layers:
        layer.laid_over(picture)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _lanes(waveform: Waveform) -> Iterator[_Lane]:
    height = LANE_PIXELS[waveform.channels]
    for channel in range(waveform.channels):
        yield _Lane(
            left=NAMES_PIXELS if waveform.channels > 1 else MARGIN_PIXELS,
            right=WIDTH_PIXELS - MARGIN_PIXELS,
            top=channel * height,
            height=height,
            length_seconds=max(waveform.length_seconds, waveform.bin_seconds),
        )


def _draw_sound(layer: _Layer, lane: _Lane, waveform: Waveform, channel: int, peak: float) -> None:
    lows, highs = waveform.lows[:, channel] / peak, waveform.highs[:, channel] / peak
    count = min(BARS, len(lows))
    starts = np.arange(count) * len(lows) // count
    low, high = np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts)
    ends = np.append(starts[1:], len(lows))
    at = np.minimum((starts + ends) / 2 * waveform.bin_seconds, waveform.length_seconds)
    # All there is to see of silence.
    layer.box(lane.left, lane.middle - 0.7, lane.right, lane.middle + 0.7, MIDDLE_OPACITY)
    half = BAR_PIXELS * max(1.0, BARS / count * 0.8) / 2
    reach = lane.height * SWING
    for seconds, least, most in zip(at.tolist(), low.tolist(), high.tolist(), strict=True):
        x, top, bottom = (
            lane.across(seconds),
            lane.middle - most * reach,
            lane.middle - least * reach,
        )
        layer.rounded(x - half, top - half, x + half, bottom + half, half)


def _draw_marks(shades: _Layer, labels: _Layer, lanes: list[_Lane], marks: Marks) -> None:
    half = labels.width_of(marks.label) / 2 + LABEL_PADDING_PIXELS
    for span in marks.spans:
        first = lanes[0]
        left, right = first.across(span.start_seconds), first.across(span.end_seconds)
        for lane in lanes:
            shades.box(left, lane.top, right, lane.top + lane.height, MUTED_OPACITY)
        if right - left > 2 * half + LABEL_PADDING_PIXELS:
            middle, top = (left + right) / 2, first.top + LABEL_PADDING_PIXELS
            bottom = top + LABEL_HEIGHT_PIXELS
            shades.rounded(middle - half, top, middle + half, bottom, LABEL_HEIGHT_PIXELS / 2)
            labels.words(middle, (top + bottom) / 2, marks.label, "mm")


def _draw_time(layer: _Layer, lane: _Lane) -> None:
    length, bottom = lane.length_seconds, lane.top + lane.height
    layer.box(lane.left, bottom, lane.right, bottom + 1, 1)
    step = next((each for each in TICK_SECONDS if length / each <= MOST_TICKS), TICK_SECONDS[-1])
    for tick in np.arange(0, length + step / 1000, step).tolist():
        at = lane.across(tick)
        layer.box(at - 0.5, bottom, at + 0.5, bottom + TICK_PIXELS, 1)
        layer.words(at, bottom + TICK_PIXELS + 5, _clock(int(tick)), "ma")


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
