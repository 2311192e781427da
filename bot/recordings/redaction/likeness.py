"""Whether a redacted recording differs nearly everywhere, and how: shifted, re-encoded, other."""

from typing import Final

import numpy as np

from bot.recordings.audio.codecs import Samples
from bot.recordings.redaction.blocks import Mask
from bot.recordings.redaction.outcome import Uncertainty

SEGMENT_SECONDS: Final = 0.05
EVERYWHERE: Final = 0.9
"""From this share of the segments on, the whole recording counts as different."""
PATTERN_FRAMES: Final = 256
LEAST_LEVELS: Final = 8
"""A pattern with fewer distinct samples would match anywhere."""
PLACES: Final = 16
WINDOW_FRAMES: Final = 1 << 15
LEAST_CORRELATION: Final = 0.8


class Spread:
    """Counts the segments in which something is audible, and those in which it differs."""

    def __init__(self, segment_frames: int) -> None:
        self._segment = segment_frames
        self._differing = 0
        self._audible = 0

    def add(self, heard: Mask, same: Mask) -> bool:
        """Add the frames of a block; returns whether it differs nearly everywhere."""
        segments = self._segments(heard)
        differing, audible = int(segments.sum()), int((segments | self._segments(same)).sum())
        self._differing += differing
        self._audible += audible
        return _is_most(differing, audible)

    def add_same(self, frames: int) -> None:
        """Add frames that are the same in both."""
        self._audible += frames // self._segment

    def _segments(self, mask: Mask) -> Mask:
        """Return in which segments a frame is marked; the last one may be short."""
        starts = np.arange(0, len(mask), self._segment)
        return np.asarray(np.logical_or.reduceat(mask, starts), np.bool_)

    @property
    def is_everywhere(self) -> bool:
        """Whether the recording differs nearly everywhere."""
        return _is_most(self._differing, self._audible)


def _is_most(differing: int, audible: int) -> bool:
    return differing > 0 and differing >= EVERYWHERE * audible


def likeness(raw: Samples, redacted: Samples) -> Uncertainty:
    """Classify the redacted block against the raw one; both are frames x channels."""
    if _is_shifted(raw, redacted):
        return Uncertainty.SHIFTED
    is_similar = _correlation(raw, redacted) >= LEAST_CORRELATION
    return Uncertainty.REENCODED if is_similar else Uncertainty.OTHER_AUDIO


def _is_shifted(raw: Samples, redacted: Samples) -> bool:
    """Search for some pieces of the raw audio at other places of the redacted one."""
    length = min(PATTERN_FRAMES, len(raw) // 4)
    if not length:
        return False
    searched = np.ascontiguousarray(redacted).tobytes()
    frame_bytes = raw.itemsize * raw.shape[1]
    last = len(raw) - length
    for at in {last * place // PLACES for place in range(PLACES + 1)}:
        pattern = raw[at : at + length]
        if len(np.unique(pattern)) < LEAST_LEVELS:
            continue
        found = _aligned(searched, np.ascontiguousarray(pattern).tobytes(), frame_bytes)
        if found is not None and found != at * frame_bytes:
            return True
    return False


def _aligned(searched: bytes, pattern: bytes, frame_bytes: int) -> int | None:
    at = searched.find(pattern)
    while at >= 0 and at % frame_bytes:
        at = searched.find(pattern, at + 1)
    return None if at < 0 else at


def _correlation(raw: Samples, redacted: Samples) -> float:
    """Return the greatest correlation of the two over any shift, from 0 to 1."""
    count = min(len(raw), WINDOW_FRAMES)
    start = (len(raw) - count) // 2
    one, other = (
        each[start : start + count].astype(np.float64).sum(axis=1) for each in (raw, redacted)
    )
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    if not scale:
        return 0.0
    size = 2 * count
    crossed = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    return float(np.abs(crossed).max()) / scale
