"""Draws the waveform of a WAV as SVG, with the muted spans of a redacted one marked."""

import io
import wave
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from bot.sandbox.render.markup import Html, tag

WIDTH: Final = 340
HEIGHT: Final = 54
MERGED_SECONDS: Final = 0.3
"""Raw speech has silent pauses too: a muted span continues over a gap of up to this length."""

Span = tuple[float, float]


def waveform(wav: bytes, muted: Sequence[Span], about: str) -> Html:
    """Draw it; ``about`` is the text for screen readers."""
    loudness, seconds = _loudness(wav)
    middle = HEIGHT / 2
    bars = "".join(
        f"M{x} {middle - height:.1f}V{middle + height:.1f}"
        for x, height in zip(range(0, WIDTH, 2), np.maximum(loudness * middle, 0.5), strict=True)
    )
    marks = [
        tag(
            "rect",
            x=round(begin / seconds * WIDTH, 1),
            y=0,
            width=max(round((end - begin) / seconds * WIDTH, 1), 1),
            height=HEIGHT,
            class_="muted",
        )
        for begin, end in muted
    ]
    return tag(
        "svg",
        *marks,
        tag("path", d=bars, class_="wave"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=about,
        class_="waveform",
    )


def muted_spans(raw: bytes, redacted: bytes) -> Sequence[Span]:
    """Return where two versions of a recording differ, in seconds; none if they do not match."""
    first, rate = _frames(raw)
    second, _ = _frames(redacted)
    if first.shape != second.shape:
        return ()
    (differing,) = np.nonzero((first != second).any(axis=1))
    if not len(differing):
        return ()
    (gaps,) = np.nonzero(np.diff(differing) > MERGED_SECONDS * rate)
    begins = [differing[0], *differing[gaps + 1]]
    ends = [*differing[gaps], differing[-1]]
    return [(int(a) / rate, (int(b) + 1) / rate) for a, b in zip(begins, ends, strict=True)]


def _frames(wav: bytes) -> tuple[npt.NDArray[np.uint8], int]:
    with wave.open(io.BytesIO(wav)) as audio:
        size = audio.getnchannels() * audio.getsampwidth()
        data = audio.readframes(audio.getnframes())
        whole = len(data) // size * size
        return np.frombuffer(data[:whole], np.uint8).reshape(-1, size), audio.getframerate()


def _loudness(wav: bytes) -> tuple[npt.NDArray[np.float64], float]:
    """Return the peak of each bar, from 0 to 1, and the length; the top byte is precise enough."""
    with wave.open(io.BytesIO(wav)) as audio:
        width = audio.getsampwidth()
    frames, rate = _frames(wav)
    top = frames[:, width - 1]
    level = top.astype(np.int16) - 128 if width == 1 else top.view(np.int8).astype(np.int16)
    peaks = [part.max(initial=0) for part in np.array_split(np.abs(level), WIDTH // 2)]
    return np.array(peaks) / 128, max(len(frames) / rate, 1 / rate)
