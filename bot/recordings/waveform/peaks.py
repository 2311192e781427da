"""Computes the outline of audio of unknown length in a fixed number of bins."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.codecs import Samples

BINS: Final = 4096
"""A power of two; after a long recording between half and all of them are used."""
FIRST_BIN_FRAMES: Final = 64


class PeakBins:
    """Keeps the smallest and largest sample of each bin; full bins are merged in pairs."""

    def __init__(self, *, channels: int, dtype: np.dtype[Any], block_frames: int) -> None:
        self._channels = channels
        self._block = block_frames
        self.bin_frames = min(FIRST_BIN_FRAMES, block_frames)
        self._lows: NDArray[Any] = np.zeros((BINS, channels), dtype)
        self._highs: NDArray[Any] = np.zeros((BINS, channels), dtype)
        self._full = 0
        self._begun = 0
        """Cells in the bin after the full ones."""

    def add(self, rows: Samples) -> NDArray[np.bool_]:
        """Add blocks, one per row; returns which of them are all zeros."""
        silent = np.empty(len(rows), np.bool_)
        at = 0
        while at < len(rows):
            self._make_room()
            # A cell is one bin's part of a block: the whole block once bins are longer than blocks.
            cell_frames = min(self.bin_frames, self._block)
            lows, highs = self._extremes(rows[at:], cell_frames)
            a_row = self._block // cell_frames
            quiet = np.asarray(np.logical_not(lows.any(axis=1) | highs.any(axis=1)))
            taken = self._fill(lows, highs) // a_row
            silent[at : at + taken] = quiet.reshape(-1, a_row).min(axis=1)[:taken]
            at += taken
        return silent

    def finish(self, rest: Samples) -> tuple[NDArray[Any], NDArray[Any]]:
        """Add the rest; returns lows and highs, with a row per bin and a column per channel."""
        frames = rest.reshape(-1, self._channels)
        while len(frames):
            self._make_room()
            part = frames[: self.bin_frames]
            self._merge(part.min(axis=0), part.max(axis=0))
            if self.bin_frames > self._block:
                self._begun += 1
            else:
                self._full += 1
            frames = frames[len(part) :]
        used = self._full + (1 if self._begun else 0)
        return self._lows[:used], self._highs[:used]

    def _extremes(self, rows: Samples, cell_frames: int) -> tuple[NDArray[Any], NDArray[Any]]:
        cells = rows.reshape(-1, cell_frames * self._channels)
        lows = np.empty((len(cells), self._channels), rows.dtype)
        highs = np.empty_like(lows)
        for channel in range(self._channels):
            side = cells[:, channel :: self._channels]
            np.minimum.reduce(side, axis=1, out=lows[:, channel])
            np.maximum.reduce(side, axis=1, out=highs[:, channel])
        return lows, highs

    def _fill(self, lows: NDArray[Any], highs: NDArray[Any]) -> int:
        """Add cells to bins until all bins are full; returns the number of added cells."""
        per_bin = max(1, self.bin_frames // self._block)
        at = 0
        while at < len(lows) and self._full < BINS:
            whole = (len(lows) - at) // per_bin
            if self._begun or not whole:
                count = min(per_bin - self._begun, len(lows) - at)
                cells = slice(at, at + count)
                self._merge(lows[cells].min(axis=0), highs[cells].max(axis=0))
                self._begun = (self._begun + count) % per_bin
                self._full += 0 if self._begun else 1
            else:
                bins = min(whole, BINS - self._full)
                count = bins * per_bin
                cells, room = slice(at, at + count), slice(self._full, self._full + bins)
                shape = (bins, per_bin, self._channels)
                self._lows[room] = lows[cells].reshape(shape).min(axis=1)
                self._highs[room] = highs[cells].reshape(shape).max(axis=1)
                self._full += bins
            at += count
        return at

    def _merge(self, low: NDArray[Any], high: NDArray[Any]) -> None:
        at = self._full
        self._lows[at] = np.minimum(self._lows[at], low) if self._begun else low
        self._highs[at] = np.maximum(self._highs[at], high) if self._begun else high

    def _make_room(self) -> None:
        if self._full < BINS:
            return
        pairs = (BINS // 2, 2, self._channels)
        self._lows[: BINS // 2] = self._lows.reshape(pairs).min(axis=1)
        self._highs[: BINS // 2] = self._highs.reshape(pairs).max(axis=1)
        self._full = BINS // 2
        self.bin_frames *= 2
