"""The picture: what it shows, and that it can be seen on Slack's light and its dark background."""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from bot.recordings.waveform.drawing import LABEL, MUTED, SOUND, WORDS, Marks, draw
from bot.recordings.waveform.shape import Waveform
from bot.recordings.waveform.spans import Span, Spans

LIGHT, DARK = "#ffffff", "#1a1d21"
SECONDS = 60.0


def outline(loud: float = 0.5, *, channels: int = 1, seconds: float = SECONDS) -> Waveform:
    highs = np.full((600, channels), loud, np.float32)
    return Waveform(
        lows=-highs,
        highs=highs,
        bin_seconds=seconds / 600,
        length_seconds=seconds,
        silences=Spans(count=0, seconds=0.0, kept=()),
    )


def picture(waveform: Waveform, *spans: Span, label: str = "muted") -> np.ndarray:
    drawn = Image.open(io.BytesIO(draw(waveform, Marks(label, spans) if spans else None)))
    assert (drawn.format, drawn.mode, drawn.width) == ("PNG", "RGBA", 1200)
    return np.asarray(drawn)


def painted(pixels: np.ndarray, colour: str) -> np.ndarray:
    """Where exactly this colour is, and all of it."""
    return (pixels[..., :3] == ImageColor.getrgb(colour)).all(axis=2) & (pixels[..., 3] == 255)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = np.array(ImageColor.getrgb(colour)) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("background", [LIGHT, DARK])
def test_sound_and_words_are_seen_on_both_backgrounds(background):
    assert contrast(SOUND, background) > 3
    assert contrast(MUTED, background) > 3
    assert contrast(WORDS, background) > 4


def test_the_label_is_read_on_the_background_it_brings():
    assert contrast(LABEL, MUTED) > 4.5


def test_nothing_is_behind_the_sound():
    corners = picture(outline())[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners[:, 3] == 0).all()


def test_each_channel_has_a_lane_of_its_own():
    one, two = picture(outline()), picture(outline(channels=2))
    assert (one.shape[0], two.shape[0]) == (240, 290)
    assert painted(two[:125, :80], WORDS).any()  # their names
    assert painted(two[125:250, :80], WORDS).any()
    assert not painted(one[:200, :80], WORDS).any()


def test_a_louder_recording_is_drawn_as_loud_and_a_quiet_one_as_quiet():
    heights = [
        painted(picture(outline(loud)), SOUND).any(axis=1).sum() for loud in (0.9, 0.3, 0.01)
    ]
    assert heights[0] == heights[1]  # each fills its lane
    assert heights[2] < heights[1] / 4


def test_a_muted_stretch_is_shaded_where_it_is_and_named():
    pixels = picture(outline(0), Span(15.0, 30.0))
    columns = np.flatnonzero(painted(pixels, MUTED).any(axis=0))
    width = 1200 - 2 * 28
    assert columns.min() > 28 + width * 0.25
    assert columns.max() < 28 + width * 0.5
    assert painted(pixels, LABEL).any()
    shade = pixels[1, :, 3] > 0
    assert np.flatnonzero(shade).min() == pytest.approx(28 + width * 0.25, abs=2)
    assert np.flatnonzero(shade).max() == pytest.approx(28 + width * 0.5, abs=2)


def test_a_stretch_too_short_for_its_name_is_shaded_without_it():
    short = Span(15.0, 19.0)
    assert painted(picture(outline(0), short), LABEL).any()
    pixels = picture(outline(0), short, label="silent or muted")
    assert not painted(pixels, LABEL).any()
    assert (pixels[1, :, 3] > 0).any()


def test_the_same_recording_is_the_same_picture():
    assert draw(outline(), None) == draw(outline(), None)


@pytest.mark.parametrize("seconds", [0.1, 1, 59, 3599, 86_400])
def test_any_length_has_a_time_below_it(seconds):
    assert painted(picture(outline(seconds=seconds))[-30:], WORDS).any()
