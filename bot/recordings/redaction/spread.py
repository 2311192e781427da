"""Detects whether differences are in a few places or nearly everywhere."""

from typing import Final

import numpy as np

from bot.recordings.redaction.blocks import Mask

SEGMENT_SECONDS: Final = 0.05
EVERYWHERE: Final = 0.9
"""From this share of the segments on, the whole recording counts as different."""


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
