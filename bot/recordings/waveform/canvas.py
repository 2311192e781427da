"""A picture put together from layers of one colour each, transparent where nothing is drawn."""

import io
from collections.abc import Iterable
from functools import cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

Size = tuple[int, int]
"""Width and height in pixels."""

SHARPNESS: Final = 2
"""Drawn larger by this and then scaled down, which smooths the edges."""
TYPE_PIXELS: Final = 13


class Layer:
    """What is drawn in one colour; only how opaque it is where is kept."""

    def __init__(self, colour: str, size: Size) -> None:
        self._colour = colour
        self._mask = Image.new("L", (size[0] * SHARPNESS, size[1] * SHARPNESS))
        self._pen = ImageDraw.Draw(self._mask)

    def box(
        self, left: float, top: float, right: float, bottom: float, opacity: float = 1.0
    ) -> None:
        """Fill a rectangle."""
        corners = [round(edge * SHARPNESS) for edge in (left, top, right, bottom)]
        # Both corners belong to a rectangle, and it is never thinner than a hair.
        corners[2] = max(corners[0] + SHARPNESS, corners[2]) - 1
        corners[3] = max(corners[1] + SHARPNESS, corners[3]) - 1
        self._pen.rectangle(corners, fill=round(255 * opacity))

    def rounded(self, left: float, top: float, right: float, bottom: float, radius: float) -> None:
        """Fill a rectangle with round corners."""
        corners = [edge * SHARPNESS for edge in (left, top, right, bottom)]
        self._pen.rounded_rectangle(corners, radius * SHARPNESS, fill=255)

    def words(self, at: float, middle: float, text: str, anchor: str) -> None:
        """Write words around a place; ``anchor`` as Pillow names it."""
        where = (at * SHARPNESS, middle * SHARPNESS)
        self._pen.text(where, text, fill=255, font=_type(), anchor=anchor)

    def laid_over(self, picture: Image.Image) -> None:
        """Put what was drawn over a picture."""
        layer = Image.new("RGBA", picture.size, self._colour)
        layer.putalpha(self._mask.reduce(SHARPNESS))
        picture.alpha_composite(layer)


def as_png(layers: Iterable[Layer], size: Size) -> bytes:
    """Lay the layers over one another, the first below all others."""
    picture = Image.new("RGBA", size)
    for layer in layers:
        layer.laid_over(picture)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def text_pixels(text: str) -> float:
    """Measure how wide words are drawn."""
    return _type().getlength(text) / SHARPNESS


@cache
def _type() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TYPE_PIXELS * SHARPNESS)
