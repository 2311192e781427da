"""The outline of a recording, kept after its transfer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.spans import SpanSummary


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """The outline of a recording, without any of its samples.

    Attributes:
        lows: the smallest sample of each bin and channel, from -1 to 1; bins x channels.
        highs: the largest, likewise.
        bin_seconds: the length of each bin; the last one may be shorter.
        length_seconds: the length of the recording.
        silences: where every channel is digitally silent.
    """

    lows: NDArray[np.float32]
    highs: NDArray[np.float32]
    bin_seconds: float
    length_seconds: float
    silences: SpanSummary

    @property
    def channels(self) -> int:
        """The number of channels, each drawn in a lane."""
        return int(self.lows.shape[1])
