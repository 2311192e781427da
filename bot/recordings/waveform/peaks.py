"""Computes the outline of audio of unknown length in a fixed number of bins."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.codecs import Samples

BINS: Final = 4096
"""A power of two; after a long recording between half and all of them are used."""
FIRST_BIN_FRAMES: Final = 64
BLOCK_FRAMES: Final = 1024
"""Samples are added in blocks of this length, a power of two, except for the last."""


class PeakBins:
    """Keeps the smallest and largest sample of each bin; full bins are merged in pairs."""

    def __init__(self, *, channels: int, dtype: np.dtype[Any]) -> None:
        self._channels = channels
        self.bin_frames = FIRST_BIN_FRAMES
        self._lows: NDArray[Any] = np.zeros((BINS, channels), dtype)
        self._highs: NDArray[Any] = np.zeros((BINS, channels), dtype)
        self._full = 0
        self._begun = 0
        """Cells in the bin after the full ones."""

    def add(self, samples: Samples) -> None:
        """Add whole blocks."""
        at = 0
        while at < len(samples):
            self._make_room()
            # A cell is one bin's part of a block: the whole block once bins are longer than blocks.
            cell_samples = min(self.bin_frames, BLOCK_FRAMES) * self._channels
            lows, highs = self._extremes(samples[at:], cell_samples)
            at += self._fill(lows, highs) * cell_samples

    def finish(self, rest: Samples) -> tuple[NDArray[Any], NDArray[Any]]:
        """Add the rest; returns lows and highs, with a row per bin and a column per channel."""
        frames = rest.reshape(-1, self._channels)
        while len(frames):
            self._make_room()
            part = frames[: self.bin_frames]
            self._merge(part.min(axis=0), part.max(axis=0))
            if self.bin_frames > BLOCK_FRAMES:
                self._begun += 1
            else:
                self._full += 1
            frames = frames[len(part) :]
        used = self._full + (1 if self._begun else 0)
        return self._lows[:used], self._highs[:used]

    def _extremes(self, samples: Samples, cell_samples: int) -> tuple[NDArray[Any], NDArray[Any]]:
        cells = samples.reshape(-1, cell_samples)
        lows = np.empty((len(cells), self._channels), samples.dtype)
        highs = np.empty_like(lows)
        for channel in range(self._channels):
            side = cells[:, channel :: self._channels]
            np.minimum.reduce(side, axis=1, out=lows[:, channel])
            np.maximum.reduce(side, axis=1, out=highs[:, channel])
        return lows, highs

    def _fill(self, lows: NDArray[Any], highs: NDArray[Any]) -> int:
        """Add cells to bins until all bins are full; returns the number of added cells."""
        per_bin = max(1, self.bin_frames // BLOCK_FRAMES)
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
