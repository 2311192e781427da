"""Joins frames that were marked, block by block, into spans."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.spans import SpanCollector, SpanSummary


class SpanMarks:
    """Collects frame numbers in ascending order; close frames form one span."""

    def __init__(self, gap_frames: int) -> None:
        self.count = 0
        """The number of marked frames."""
        self._gap = gap_frames
        self._collector = SpanCollector()
        self._open: tuple[int, int] | None = None

    def add(self, frames: NDArray[np.intp]) -> None:
        """Add the marked frames of the next block."""
        if not len(frames):
            return
        self.count += len(frames)
        breaks = np.flatnonzero(np.diff(frames) > self._gap)
        firsts = frames[np.concatenate(([0], breaks + 1))].tolist()
        lasts = frames[np.concatenate((breaks, [len(frames) - 1]))].tolist()
        for first, last in zip(firsts, lasts, strict=True):
            self._take(first, last + 1)

    def spans(self, sample_rate_hz: int) -> SpanSummary:
        """Return all spans in seconds; nothing may be added afterwards."""
        if self._open:
            self._collector.add(*self._open)
            self._open = None
        return self._collector.spans(sample_rate_hz)

    def _take(self, first: int, end: int) -> None:
        if self._open and first - self._open[1] <= self._gap:
            self._open = (self._open[0], end)
            return
        if self._open:
            self._collector.add(*self._open)
        self._open = (first, end)


def within(mask: NDArray[Any], base: int) -> NDArray[np.intp]:
    """Return the numbers of the marked frames of a block that starts at frame ``base``."""
    return np.asarray(np.flatnonzero(mask) + base, np.intp)
