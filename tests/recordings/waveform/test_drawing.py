"""The picture of a waveform: its text is legible on both of Slack's backgrounds, and fits."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.waveform.canvas import text_pixels
from bot.recordings.waveform.drawing import (
    BAND,
    LANE_PIXELS,
    LEGEND_PIXELS,
    MUTED,
    ON_BAND,
    ON_MUTED,
    ROOM_PIXELS,
    SOUND,
    TIME_PIXELS,
    draw,
    labelled_spans,
    lanes_of,
)
from bot.recordings.waveform.scan import Waveform
from tests.tables import each_row

LIGHT, DARK = "#ffffff", "#1a1d21"
WORDS = ("muted", "silent or muted")
READABLE, VISIBLE = 4.5, 3.0
"""WCAG 2.2, 1.4.3 for text and 1.4.11 for what is drawn."""
SECONDS = 40.0
NEAR = 60
"""Because the edges of thin letters are blended with their background."""


def outline(channels: int = 1, spans: Sequence[Span] = ()) -> Waveform:
    """An outline of a hum that grows and fades."""
    high = np.repeat(np.abs(np.sin(np.linspace(0, 9, 400)))[:, None], channels, axis=1)
    levels = high.astype(np.float32)
    return Waveform(
        lows=-levels,
        highs=levels,
        bin_seconds=SECONDS / 400,
        length_seconds=SECONDS,
        silences=SpanSummary(len(spans), 0.0, tuple(spans)),
    )


def picture(label: str | None, *spans: Span, channels: int = 1) -> Image.Image:
    return opened(draw(outline(channels, spans), label))


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGBA")


def channels_of(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def luminance(colour: str) -> float:
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
        for each in channels_of(colour)
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def where(image: Image.Image, colour: str) -> np.ndarray:
    """Return the rows and columns of a colour, also slightly blended."""
    wanted = [*(round(255 * each) for each in channels_of(colour)), 255]
    distance = np.abs(np.asarray(image).astype(int) - wanted)
    return np.argwhere(distance.max(axis=2) < NEAR)


@pytest.mark.parametrize(("words", "ground"), [(ON_BAND, BAND), (ON_MUTED, MUTED)])
def test_text_is_legible_on_its_background(words, ground):
    assert contrast(words, ground) >= READABLE


@each_row("background", [LIGHT, DARK])
@each_row("drawn", [SOUND, MUTED])
def test_the_waveform_is_visible_on_both_backgrounds(drawn, background):
    assert contrast(drawn, background) >= VISIBLE


@each_row("channels", [1, 2])
@each_row("word", WORDS)
@each_row("spans", [(Span(10, 30),), (Span(10, 10.3),)], ids=["wide", "narrow"])
def test_all_text_has_an_opaque_background(channels, word, spans):
    image = picture(word, *spans, channels=channels)
    pixels = np.asarray(image)
    for colour in (ON_BAND, ON_MUTED):
        found = where(image, colour)
        assert len(found) > 10, "it is written"
        for row, column in found:
            around = pixels[row - 2 : row + 3, column - 2 : column + 3, 3]
            assert around.min() == 255, "nothing of Slack's background shows around a letter"


@each_row("word", WORDS)
@each_row("channels", [1, 2])
def test_a_span_is_labelled_only_if_its_label_fits(word, channels):
    (lane, *_) = lanes_of(outline(channels))
    wanted = (text_pixels(word) + 2 * ROOM_PIXELS) * SECONDS / (lane.right - lane.left)
    fits, does_not = Span(1, 1 + wanted * 1.01), Span(20, 20 + wanted * 0.99)
    assert labelled_spans(word, (fits, does_not), lane) == [fits]
    letters = where(picture(word, fits, does_not, channels=channels), ON_MUTED)
    heads = where(picture(word, fits, channels=channels), MUTED)
    # Columns: the letters keep a distance from both ends of the solid head.
    assert letters[:, 1].min() >= heads[:, 1].min() + ROOM_PIXELS - 2
    assert letters[:, 1].max() <= heads[:, 1].max() - ROOM_PIXELS + 2


@pytest.mark.parametrize("channels", [1, 2])
def test_a_legend_explains_the_shading_if_no_label_fits(channels):
    plain = LANE_PIXELS[channels] * channels + TIME_PIXELS
    for spans in ((), (Span(1, 30),)):
        assert picture("muted", *spans, channels=channels).height == plain
    narrow = picture("silent or muted", Span(1, 1.3), Span(5, 6), channels=channels)
    assert narrow.height == plain + LEGEND_PIXELS
    assert where(narrow, ON_MUTED)[:, 0].min() > plain - 8, "below the times"


def test_the_shortest_mute_is_visible():
    found = where(picture("muted", Span(20, 20.01)), MUTED)
    columns = found[found[:, 0] < 20][:, 1]
    assert len(columns) > 0
    assert abs(columns.mean() - 600) < 60


def test_no_span_is_shaded_without_a_word_for_it():
    plain = picture(None, Span(10, 20))
    assert len(where(plain, MUTED)) == 0
    assert plain.height == LANE_PIXELS[1] + TIME_PIXELS


def test_the_same_input_gives_the_same_bytes():
    first, second = (draw(outline(spans=(Span(10, 20),)), "muted") for _ in range(2))
    assert first == second


def test_a_loud_recording_fills_its_lane_and_a_very_quiet_one_does_not():
    def height(loud: float) -> int:
        levels = np.full((400, 1), loud, np.float32)
        quiet = replace(outline(), lows=-levels, highs=levels)
        rows = where(opened(draw(quiet, None)), SOUND)[:, 0]
        return len({row for row in rows if row < LANE_PIXELS[1]})

    assert height(0.9) == height(0.3)
    assert height(0.01) < height(0.3) / 4


@each_row("seconds", [0.1, 1, 59, 3599, 86_400])
def test_any_length_has_a_time_axis(seconds):
    some = replace(outline(), length_seconds=seconds, bin_seconds=seconds / 400)
    found = where(opened(draw(some, None)), ON_BAND)
    assert found[:, 0].min() > LANE_PIXELS[1]
