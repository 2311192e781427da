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
        """Add whole blocks; the last may be shorter, and nothing is added after it."""
        at = 0
        while at < len(samples):
            self._make_room()
            # A cell is one bin's part of a block: the whole block once bins are longer than blocks.
            cell_samples = min(self.bin_frames, BLOCK_FRAMES) * self._channels
            lows, highs = self._extremes(samples[at:], cell_samples)
            at += self._fill(lows, highs) * cell_samples

    def extremes(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return lows and highs, with a row per bin and a column per channel."""
        used = self._full + (1 if self._begun else 0)
        return self._lows[:used], self._highs[:used]

    def _extremes(self, samples: Samples, cell_samples: int) -> tuple[NDArray[Any], NDArray[Any]]:
        whole = len(samples) // cell_samples
        cells = samples[: whole * cell_samples].reshape(whole, cell_samples)
        rest = samples[whole * cell_samples :].reshape(-1, self._channels)
        lows = np.empty((whole + bool(len(rest)), self._channels), samples.dtype)
        highs = np.empty_like(lows)
        for channel in range(self._channels):
            side = cells[:, channel :: self._channels]
            np.minimum.reduce(side, axis=1, out=lows[:whole, channel])
            np.maximum.reduce(side, axis=1, out=highs[:whole, channel])
        if len(rest):
            lows[whole], highs[whole] = rest.min(axis=0), rest.max(axis=0)
        return lows, highs

    def _fill(self, lows: NDArray[Any], highs: NDArray[Any]) -> int:
        """Add cells to bins until all bins are full; returns the number of added cells."""
        per_bin = max(1, self.bin_frames // BLOCK_FRAMES)
        count = min(len(lows), (BINS - self._full) * per_bin - self._begun)
        starts = np.arange(-self._begun, count, per_bin)
        starts[0] = 0  # it may continue the bin that was begun
        bins = slice(self._full, self._full + len(starts))
        for kept, cells, least_or_most in (
            (self._lows, lows, np.minimum),
            (self._highs, highs, np.maximum),
        ):
            found = least_or_most.reduceat(cells[:count], starts, axis=0)
            if self._begun:
                found[0] = least_or_most(found[0], kept[self._full])
            kept[bins] = found
        filled, self._begun = divmod(self._begun + count, per_bin)
        self._full += filled
        return count

    def _make_room(self) -> None:
        if self._full < BINS:
            return
        pairs = (BINS // 2, 2, self._channels)
        self._lows[: BINS // 2] = self._lows.reshape(pairs).min(axis=1)
        self._highs[: BINS // 2] = self._highs.reshape(pairs).max(axis=1)
        self._full = BINS // 2
        self.bin_frames *= 2
