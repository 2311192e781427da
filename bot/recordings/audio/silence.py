"""Finds digital silence to the frame, given which blocks are entirely silent."""

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.codecs import Samples
from bot.recordings.audio.spans import SpanCollector


def block_frames(least_frames: int) -> int:
    """Choose the length of a block: a power of two so short that a stretch covers a whole block.

    A stretch of ``2 * block - 1`` frames covers a whole block wherever it begins.
    """
    return 1 << (((least_frames + 1) // 2).bit_length() - 1)


class SilenceFinder:
    """Reads blocks in order; only those beside silent ones are examined sample by sample."""

    def __init__(self, *, channels: int, least_frames: int) -> None:
        self.spans = SpanCollector()
        self._channels = channels
        self._least_frames = least_frames
        self._at = 0
        self._since: int | None = None
        """The first frame of the current silence."""

    def add(self, rows: Samples, silent: NDArray[np.bool_]) -> None:
        """Add blocks, one per row; ``silent`` marks those that are all zeros."""
        frames = rows.shape[1] // self._channels
        if self._since is not None and not silent[0]:
            self._close(self._at + self._leading(rows[:1])[0])
        if silent.any():
            self._add_runs(rows, silent, frames)
        self._at += len(rows) * frames
        if not silent[-1]:
            trailing = int(self._trailing(rows[-1:])[0])
            self._since = self._at - trailing if trailing else None

    def finish(self) -> None:
        """Note the end of the recording."""
        self._close(self._at)

    def _add_runs(self, rows: Samples, silent: NDArray[np.bool_], frames: int) -> None:
        fenced = np.concatenate(([False], silent, [False]))
        edges = np.flatnonzero(fenced[1:] != fenced[:-1])
        firsts, lasts = edges[0::2], edges[1::2]  # each run is rows[first:last]
        before, after = firsts > 0, lasts < len(rows)
        starts, ends = self._at + firsts * frames, self._at + lasts * frames
        starts[before] -= self._trailing(rows[firsts[before] - 1])
        ends[after] += self._leading(rows[lasts[after]])
        if silent[0] and self._since is not None:
            starts[0] = self._since
        for start, end, has_ended in zip(starts.tolist(), ends.tolist(), after, strict=True):
            self._since = start
            if has_ended:
                self._close(end)

    def _close(self, end: int) -> None:
        if self._since is not None and end - self._since >= self._least_frames:
            self.spans.add(self._since, int(end))
        self._since = None

    def _leading(self, rows: Samples) -> NDArray[np.intp]:
        """Count the silent frames at the start of each row; no row is entirely silent."""
        return _first_sound(rows) // self._channels

    def _trailing(self, rows: Samples) -> NDArray[np.intp]:
        return _first_sound(rows[:, ::-1]) // self._channels


def _first_sound(rows: Samples) -> NDArray[np.intp]:
    return np.asarray(np.argmax(rows != 0, axis=1), np.intp)
