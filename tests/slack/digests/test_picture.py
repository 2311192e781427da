"""The charts as a PNG that is legible on light and dark backgrounds."""

import io

import numpy as np
import pytest
from PIL import Image

from bot.slack.digests import charts, picture
from bot.slack.digests.charts import Chart, Series
from tests.digests.builders import PERIOD
from tests.slack.digests.builders import REPORTS
from tests.tables import each_row

DRAWN = {
    name: found for name, report in REPORTS.items() if (found := charts.charts_of(report, PERIOD))
}


@each_row("drawn", DRAWN.values(), ids=DRAWN)
def test_every_report_with_charts_can_be_drawn(drawn):
    png = picture.draw(drawn)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) < 200_000


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png))) / 255


def test_the_picture_has_an_opaque_background_with_transparent_corners():
    pixels = pixels_of(picture.draw(DRAWN["calls"]))
    assert pixels.shape == (624, 1600, 4)
    assert pixels[0, 0, 3] == pixels[-1, -1, 3] == 0
    inside = pixels[40:-40, 60:-60]
    assert (inside[..., 3] == 1).all()
    light = inside[..., :3].mean(axis=2)
    assert light.max() - np.median(light) > 0.6  # text contrasts with the background


def test_a_bar_is_as_high_as_its_value():
    def coloured(values) -> int:
        chart = Chart("T", ("a", "b"), (Series("s", values),), "x", "y")
        pixels = pixels_of(picture.draw([chart]))[..., :3]
        bar = np.array([int(picture.COLOURS[0][at : at + 2], 16) for at in (1, 3, 5)]) / 255
        return int((np.abs(pixels - bar) < 0.01).all(axis=2).sum())

    one, both = coloured((100, 0)), coloured((100, 100))
    assert both / one == pytest.approx(2, rel=0.02)
    assert coloured((0, 0)) < one / 50


def test_text_is_drawn_unchanged_and_unknown_characters_as_boxes():
    names = ("costs $5^", "\\frac{$", "日本", "🎉", "_")
    chart = Chart("$x$ 日", names, (Series("s$", (1,) * 5),), "x", "y", is_ranking=True)
    assert picture.draw([chart])


def test_letters_of_european_scripts_are_not_boxes():
    def drawn(text: str) -> bytes:
        return picture.draw([Chart(text, ("a",), (Series("s", (1,)),), "x", "y")])

    box = drawn("日")
    assert drawn("本") == box
    assert [letter for letter in "éłßøñčξЖ" if drawn(letter) == box] == []
