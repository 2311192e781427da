"""Compares one block of raw and redacted samples: what is muted, and what differs otherwise.

A channel is muted where it is silent for at least ``LEAST_MUTED_SECONDS``. Every other difference
counts as heard, except fades: ``EDGE_SECONDS`` beside a muted stretch. ``SpanMarks``
joins the marked frames of all blocks.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.codecs import Samples
from bot.recordings.audio.spans import SpanCollector, SpanSummary

LEAST_MUTED_SECONDS: Final = 0.01
EDGE_SECONDS: Final = 0.005
CONTEXT_SECONDS: Final = 0.1
"""The context on both sides of a block, with which blocks are judged like the whole recording."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """The result for a block, frame by frame.

    Attributes:
        muted: some channel is muted that is not silent in the raw recording.
        heard: some channel differs and is not muted.
        one_sided: one channel is muted while another is audible and unchanged.
        same: some channel is audible and the same in both, and no channel differs.
        level: the loudest sample of ``heard``, from 0 to the largest possible sample.
    """

    muted: Mask
    heard: Mask
    one_sided: Mask
    same: Mask
    level: int


def compare_block(raw: Samples, redacted: Samples, *, rate_hz: int, silence: int) -> Marks:
    """Compare frames x channels of both; ``silence`` is the largest sample that is silent."""
    least, edge = int(LEAST_MUTED_SECONDS * rate_hz), int(EDGE_SECONDS * rate_hz)
    differs = raw != redacted
    silent = _silent(redacted, silence)
    muted, heard = np.zeros_like(differs), np.zeros_like(differs)
    for channel in range(differs.shape[1]):
        stretches, fades = _muted_stretches(silent[:, channel], differs[:, channel], least, edge)
        muted[:, channel] = differs[:, channel] & stretches
        heard[:, channel] = differs[:, channel] & ~stretches & ~fades
    others_heard = (~silent & ~differs).any(axis=1)
    any_muted = muted.any(axis=1)
    any_heard = heard.any(axis=1)
    return Marks(
        muted=any_muted,
        heard=any_heard,
        one_sided=any_muted & others_heard,
        same=others_heard & ~any_heard,
        level=_loudest(redacted[heard]),
    )


def audible(redacted: Samples, *, silence: int) -> tuple[Mask, int]:
    """Return the audible frames, and the loudest sample."""
    heard = np.asarray(~_silent(redacted, silence)).any(axis=1)
    return np.asarray(heard), _loudest(redacted)


def _silent(samples: Samples, silence: int) -> Mask:
    return np.asarray((samples >= -silence) & (samples <= silence))


def _loudest(samples: Samples) -> int:
    return max(int(samples.max(initial=0)), -int(samples.min(initial=0)))


def _muted_stretches(silent: Mask, differs: Mask, least: int, edge: int) -> tuple[Mask, Mask]:
    """Mark the silent stretches that are long enough, and the fades beside muted ones.

    A stretch that is silent in the raw recording too was not muted, and has no fades.
    """
    fenced = np.concatenate(([False], silent, [False]))
    borders = np.flatnonzero(fenced[1:] != fenced[:-1])
    starts, ends = borders[0::2], borders[1::2]
    long_enough = ends - starts >= least
    starts, ends = starts[long_enough], ends[long_enough]
    differing = np.concatenate(([0], np.cumsum(differs)))
    by_muting = differing[ends] > differing[starts]
    return (
        _marked(starts, ends, len(silent)),
        _marked(starts[by_muting] - edge, ends[by_muting] + edge, len(silent)),
    )


def _marked(starts: NDArray[Any], ends: NDArray[Any], length: int) -> Mask:
    steps = np.zeros(length + 1, np.int64)
    np.add.at(steps, np.clip(starts, 0, length), 1)
    np.add.at(steps, np.clip(ends, 0, length), -1)
    return np.asarray(np.cumsum(steps[:-1]) > 0)


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
