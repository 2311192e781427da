"""A picture of a few colours with one byte per pixel, cheap to draw and to encode as PNG.

A pixel is an ink at one of sixteen levels of opacity; the picture's palette, which PNG allows to be
transparent, has the colour of each ink at each level.
"""

import io
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Levels = NDArray[np.uint8]
"""The opacity of each pixel, from 0 to ``OPAQUE``."""
Ink = NDArray[np.float64]
"""Red, green, blue and opacity from 0 to 1, at each level."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

OPAQUE: Final = 15
DEGREES: Final = np.arange(OPAQUE + 1) / OPAQUE
TYPE_PIXELS: Final = 13
LINE_PIXELS: Final = 20
"""The maximum height of letters with their descenders."""
CORNER_PIXELS: Final = 6
PACKING: Final = 3
"""zlib's level: a third of the default's time, for a fifth more bytes."""


def ink(colour: str) -> Ink:
    """Build the palette of a colour, from transparent to opaque."""
    return np.array([(*_rgb(colour), degree) for degree in DEGREES])


def on_ground(colour: str, ground: str) -> Ink:
    """Build the palette of a colour that blends into an opaque background."""
    parts = np.outer(DEGREES, _rgb(colour)) + np.outer(1 - DEGREES, _rgb(ground))
    return np.column_stack((parts, np.ones(len(DEGREES))))


def shaded(colour: str, shade: str, opacity: float) -> Ink:
    """Build the palette of a colour under a shade; where it is transparent, the shade remains."""
    below = DEGREES * (1 - opacity)
    total = opacity + below
    parts = opacity * _rgb(shade) + np.outer(below, _rgb(colour))
    return np.column_stack((parts / total[:, None], total))


class Canvas:
    """Pixels, each with one ink at one level of opacity; initially the first ink, transparent."""

    def __init__(self, width: int, height: int, inks: Iterable[Ink]) -> None:
        self._pixels = np.zeros((height, width), np.uint8)
        self._inks = tuple(inks)

    def paint(self, ink: int, left: int, top: int, levels: Levels) -> None:
        """Draw an ink, by its number, over the existing pixels wherever its level is above 0."""
        box = (left, top, left + levels.shape[1], top + levels.shape[0])
        np.copyto(self._area(box), levels + self._first(ink), where=levels > 0)

    def fill(self, ink: int, box: Box) -> None:
        """Fill a rectangle."""
        self._area(box)[:] = self._first(ink) + OPAQUE

    def change(self, ink: int, other: int, box: Box) -> None:
        """Replace one ink by another, with the same opacity, within a rectangle."""
        area = self._area(box)
        area[area // (OPAQUE + 1) == ink] += np.uint8(self._first(other) - self._first(ink))

    def rounded(self, ink: int, box: Box) -> None:
        """Fill a rectangle with round corners."""
        left, top, right, bottom = box
        levels = np.full((bottom - top, right - left), OPAQUE, np.uint8)
        corner = _corner()
        size = len(corner)
        levels[:size, :size] = corner
        levels[:size, -size:] = corner[:, ::-1]
        levels[-size:, :size] = corner[::-1]
        levels[-size:, -size:] = corner[::-1, ::-1]
        self.paint(ink, left, top, levels)

    def words(self, ink: int, across: float, down: float, text: str) -> None:
        """Write words at a place."""
        letters = _letters(text)
        height, width = letters.shape
        self.paint(ink, round(across - width / 2), round(down - height / 2), letters)

    def png(self) -> bytes:
        """Encode it as PNG."""
        palette = np.round(255 * np.concatenate(self._inks)).astype(np.uint8)
        picture = Image.fromarray(self._pixels)
        picture.putpalette(palette[:, :3].tobytes())
        file = io.BytesIO()
        opacities = palette[:, 3].tobytes()
        picture.save(file, "PNG", transparency=opacities, compress_level=PACKING)
        return file.getvalue()

    def _first(self, ink: int) -> int:
        return ink * (OPAQUE + 1)

    def _area(self, box: Box) -> NDArray[Any]:
        left, top, right, bottom = box
        return self._pixels[top:bottom, left:right]


def text_pixels(text: str) -> float:
    """Measure the width of drawn words."""
    return _type().getlength(text)


def degrees(opacities: NDArray[Any]) -> Levels:
    """Round opacities, from 0 to 1, to levels."""
    return np.asarray(np.clip(opacities, 0, 1) * OPAQUE + 0.5).astype(np.uint8)


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


@cache
def _corner() -> Levels:
    """The upper left of a circle."""
    at = CORNER_PIXELS - 0.5 - np.arange(CORNER_PIXELS)
    return degrees(CORNER_PIXELS + 0.5 - np.hypot(at[:, None], at[None, :]))


@lru_cache(maxsize=256)
def _letters(text: str) -> Levels:
    width = round(text_pixels(text)) + 2
    picture = Image.new("L", (width, LINE_PIXELS))
    middle = (width / 2, LINE_PIXELS / 2)
    ImageDraw.Draw(picture).text(middle, text, fill=255, font=_type(), anchor="mm")
    return degrees(np.asarray(picture) / 255)


@cache
def _type() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TYPE_PIXELS)
