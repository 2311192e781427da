"""What is left of a recording when it has gone by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.recordings.waveform.spans import Spans


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """The outline of a recording, without any of its samples.

    Attributes:
        lows: the least sample of each bin and channel, from -1 to 1; bins x channels.
        highs: the greatest, likewise.
        bin_seconds: how long each bin lasts; the last one may be cut.
        length_seconds: how long the recording lasts.
        silences: where every channel is digitally silent for a while.
    """

    lows: NDArray[np.float32]
    highs: NDArray[np.float32]
    bin_seconds: float
    length_seconds: float
    silences: Spans

    @property
    def channels(self) -> int:
        """How many sides are drawn, one below the other."""
        return int(self.lows.shape[1])
