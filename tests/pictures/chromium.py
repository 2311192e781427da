"""Draws a page as a PNG with Chromium."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.pictures.pages import WIDTH_PX

PROGRAM = os.environ.get("CHROMIUM", "chromium")
TALLEST_PX = 4000
SCALE = 2
SCREEN_SCALE = 1.5
"""For pages of the size of a screen: larger ones would be too large as files."""
OPAQUE_FROM = 128
TRANSPARENT = 255
"""The palette entry for the area outside the page; the colours are the entries before it."""
LIMIT_SECONDS = 60
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--default-background-color=00000000",
)


def capture(html: str, target: Path, size_px: tuple[int, int] | None = None) -> None:
    """Draw the page into a PNG file, of this size or as high as its content."""
    width, height = size_px or (WIDTH_PX, TALLEST_PX)
    scale = SCREEN_SCALE if size_px else SCALE
    with tempfile.TemporaryDirectory(prefix="callaudio-pictures-") as folder:
        source, shot = Path(folder, "page.html"), Path(folder, "page.png")
        source.write_text(html)
        subprocess.run(
            [
                PROGRAM,
                *SWITCHES,
                f"--force-device-scale-factor={scale}",
                f"--window-size={width},{height}",
                f"--user-data-dir={folder}/profile",
                f"--screenshot={shot}",
                source.as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # it complains about services that no page needs
            timeout=LIMIT_SECONDS,
        )
        with Image.open(shot) as opened:
            picture = opened.convert("RGBA")  # where nothing is transparent it has no such channel
    box = picture.getchannel("A").getbbox()
    if box is None or (size_px is None and box[3] >= TALLEST_PX * SCALE):
        raise RuntimeError(f"{target.name}: the page is empty, or too high")
    with_few_colours(picture.crop(box)).save(target, optimize=True, transparency=TRANSPARENT)


def with_few_colours(picture: Image.Image) -> Image.Image:
    """Keep the most frequent colours exactly, and replace every other by the nearest of them."""
    pixels = np.asarray(picture.convert("RGB")).astype(np.int32)
    colours, places, counts = np.unique(
        pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    kept = colours[np.argsort(-counts, kind="stable")[:TRANSPARENT]]
    distances = ((colours[:, None, :] - kept[None, :, :]) ** 2).sum(axis=2)
    indexes = distances.argmin(axis=1)[places.reshape(pixels.shape[:2])]
    indexes[np.asarray(picture.getchannel("A")) < OPAQUE_FROM] = TRANSPARENT
    few = Image.fromarray(indexes.astype(np.uint8))
    few.putpalette(kept.astype(np.uint8).tobytes())
    return few
