"""Draws a waveform as a PNG that is at home on Slack's light and its dark background."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.recordings.waveform.canvas import Layer, as_png, text_pixels
from bot.recordings.waveform.shape import Waveform
from bot.recordings.waveform.spans import Span

WIDTH_PIXELS: Final = 1200
LANE_PIXELS: Final = {1: 200, 2: 125}
"""By the number of lanes; the time, and a legend where one is needed, are below."""
TIME_PIXELS: Final = 40
BAND_PIXELS: Final = 24
"""Of the band that holds the times, of a name and of a legend."""
LEGEND_PIXELS: Final = 32
MARGIN_PIXELS: Final = 28
NAMES_PIXELS: Final = 100
"""To the left of each lane where there are several."""
HEAD_PIXELS: Final = 20
"""The solid head of a shaded stretch: it holds the label, and shows the shortest mute."""
ROOM_PIXELS: Final = 6
"""To both sides of a label."""
TICK_PIXELS: Final = 7
CORNER_PIXELS: Final = 6
SWING: Final = 0.44
"""Of a lane's height: how far full loudness reaches from its middle."""
BARS: Final = 292
BAR_PIXELS: Final = 2.8
# Nothing is drawn behind the sound, so its colours must be seen on white and on near-black.
SOUND: Final = "#2b8fd6"
MUTED: Final = "#cf7413"
# No colour of letters can be read on both; so each word has its own ground.
BAND: Final = "#4b515a"
ON_BAND: Final = "#f6f7f9"
ON_MUTED: Final = "#1a1206"
MIDDLE_OPACITY: Final = 0.45
SHADE_OPACITY: Final = 0.28
LEAST_PEAK: Final = 0.05
"""A recording quieter than that is drawn as quiet as it is, and not blown up further."""
TICK_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MOST_TICKS: Final = 13


@dataclass(frozen=True, slots=True)
class Marks:
    """Stretches to be shaded, and the word for them."""

    label: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Lane:
    """Where one channel is drawn, in pixels."""

    left: int
    right: int
    top: int
    bottom: int
    length_seconds: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def across(self, seconds: float) -> float:
        """Where an instant of the recording is."""
        return self.left + (self.right - self.left) * seconds / self.length_seconds


class _Layers:
    """What the picture is made of, from the lowest to the highest."""

    def __init__(self, height: int) -> None:
        self._size = WIDTH_PIXELS, height
        self._all = [
            Layer(colour, self._size) for colour in (SOUND, MUTED, BAND, ON_MUTED, ON_BAND)
        ]
        self.sound, self.muted, self.band, self.on_muted, self.on_band = self._all

    def png(self) -> bytes:
        return as_png(self._all, self._size)


def draw(waveform: Waveform, marks: Marks | None) -> bytes:
    """Draw it: one lane a channel, minutes and seconds below; the same input, the same bytes."""
    lanes = list(_lanes(waveform))
    last = lanes[-1]
    labelled = labelled_spans(marks, last.length_seconds, len(lanes))
    legend = LEGEND_PIXELS if marks and marks.spans and not labelled else 0
    layers = _Layers(last.bottom + TIME_PIXELS + legend)
    peak = max(LEAST_PEAK, float(max(-waveform.lows.min(), waveform.highs.max())))
    for channel, lane in enumerate(lanes):
        _draw_sound(layers.sound, lane, waveform, channel, peak)
        if len(lanes) > 1:
            # Which side is which PolyAI does not tell: the words must not guess.
            _write_name(layers, lane, f"channel {channel + 1}")
        for span in marks.spans if marks else ():
            _draw_mark(layers.muted, lane, span)
    for span in labelled:
        middle = lanes[0].across((span.start_seconds + span.end_seconds) / 2)
        layers.on_muted.words(middle, HEAD_PIXELS / 2, marks.label if marks else "", "mm")
    _draw_time(layers, last)
    if legend and marks:
        _draw_legend(layers, last, marks.label)
    return layers.png()


def labelled_spans(marks: Marks | None, length_seconds: float, lanes: int) -> tuple[Span, ...]:
    """Give the stretches that are wide enough for the label."""
    if marks is None:
        return ()
    wanted = text_pixels(marks.label) + 2 * ROOM_PIXELS
    pixels_a_second = lane_width_pixels(lanes) / length_seconds
    return tuple(
        span
        for span in marks.spans
        if (span.end_seconds - span.start_seconds) * pixels_a_second >= wanted
    )


def lane_width_pixels(lanes: int) -> int:
    """Tell how wide the sound is drawn."""
    return WIDTH_PIXELS - _left(lanes) - MARGIN_PIXELS


def _left(lanes: int) -> int:
    return NAMES_PIXELS if lanes > 1 else MARGIN_PIXELS


def _lanes(waveform: Waveform) -> Iterator[_Lane]:
    height = LANE_PIXELS[waveform.channels]
    for channel in range(waveform.channels):
        yield _Lane(
            left=_left(waveform.channels),
            right=WIDTH_PIXELS - MARGIN_PIXELS,
            top=channel * height,
            bottom=(channel + 1) * height,
            length_seconds=max(waveform.length_seconds, waveform.bin_seconds),
        )


def _draw_sound(layer: Layer, lane: _Lane, waveform: Waveform, channel: int, peak: float) -> None:
    lows, highs = waveform.lows[:, channel] / peak, waveform.highs[:, channel] / peak
    count = min(BARS, len(lows))
    starts = np.arange(count) * len(lows) // count
    low, high = np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts)
    ends = np.append(starts[1:], len(lows))
    at = np.minimum((starts + ends) / 2 * waveform.bin_seconds, waveform.length_seconds)
    # All there is to see of silence.
    layer.box(lane.left, lane.middle - 0.5, lane.right, lane.middle + 0.5, MIDDLE_OPACITY)
    half = BAR_PIXELS * max(1.0, BARS / count * 0.8) / 2
    reach = (lane.bottom - lane.top) * SWING
    for seconds, least, most in zip(at.tolist(), low.tolist(), high.tolist(), strict=True):
        x, top, bottom = (
            lane.across(seconds),
            lane.middle - most * reach,
            lane.middle - least * reach,
        )
        layer.rounded(x - half, top - half, x + half, bottom + half, half)


def _draw_mark(layer: Layer, lane: _Lane, span: Span) -> None:
    left, right = lane.across(span.start_seconds), lane.across(span.end_seconds)
    layer.box(left, lane.top + HEAD_PIXELS, right, lane.bottom, SHADE_OPACITY)
    layer.box(left, lane.top, right, lane.top + HEAD_PIXELS)


def _draw_time(layers: _Layers, lane: _Lane) -> None:
    """Lay the times on a ground as wide as the sound, and the half of a time to both sides."""
    top = lane.bottom + TICK_PIXELS + 1
    bottom = top + BAND_PIXELS
    layers.band.rounded(lane.left - MARGIN_PIXELS + 2, top, WIDTH_PIXELS - 2, bottom, CORNER_PIXELS)
    length = lane.length_seconds
    step = next((each for each in TICK_SECONDS if length / each <= MOST_TICKS), TICK_SECONDS[-1])
    for tick in np.arange(0, length + step / 1000, step).tolist():
        at = lane.across(tick)
        layers.sound.box(at - 0.5, lane.bottom, at + 0.5, lane.bottom + TICK_PIXELS)
        layers.on_band.words(at, (top + bottom) / 2, _clock(int(tick)), "mm")


def _write_name(layers: _Layers, lane: _Lane, name: str) -> None:
    right = lane.left - 14
    left = right - text_pixels(name) - 2 * ROOM_PIXELS
    half = BAND_PIXELS / 2
    layers.band.rounded(left, lane.middle - half, right, lane.middle + half, CORNER_PIXELS)
    layers.on_band.words((left + right) / 2, lane.middle, name, "mm")


def _draw_legend(layers: _Layers, lane: _Lane, label: str) -> None:
    """Say what is shaded where no stretch has room for the word."""
    top = lane.bottom + TIME_PIXELS + 2
    bottom = top + BAND_PIXELS
    right = lane.left + text_pixels(label) + 4 * ROOM_PIXELS
    layers.muted.rounded(lane.left, top, right, bottom, CORNER_PIXELS)
    layers.on_muted.words((lane.left + right) / 2, (top + bottom) / 2, label, "mm")


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
