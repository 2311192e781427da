"""Computes the outline of a recording during its transfer, in bounded memory."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.audio_chunks import AudioChunks
from bot.recordings.audio.codecs import Codec, Samples, codec_of
from bot.recordings.audio.spans import SpanCollector, SpanSummary
from bot.recordings.audio.wav_errors import WavError
from bot.recordings.audio.wav_header import WavHeader
from bot.recordings.audio.wav_header_parser import parse_wav_header
from bot.recordings.waveform.peaks import BLOCK_FRAMES, PeakBins

LEAST_SILENCE_SECONDS: Final = 0.3
"""Shorter stretches may be pauses of synthetic speech between two sentences."""
GATHERED_BYTES: Final = 2 * 1024 * 1024
"""The size of a block: large enough to make numpy efficient, and small enough for the cache."""


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


SEARCHED_SAMPLES: Final = 64 * 1024
"""Samples that are searched at once: where many single ones are zero, each takes some 20 bytes."""
FIRST_SAMPLES: Final = 32
"""Samples of a stretch that are read first; hardly any sound has so many zeros in a row."""


class WaveformScan:
    """Reads the body of a WAV piece by piece, including its header; one scan per recording."""

    def __init__(self) -> None:
        self._prefix = b""
        self._reading: _Reading | None = None
        self._is_unreadable = False

    def feed(self, piece: bytes) -> None:
        """Add the next piece, of any length."""
        if self._is_unreadable:
            return
        if self._reading is None:
            self._begin(piece)
        else:
            self._reading.take(memoryview(piece))

    def finish(self) -> Waveform | None:
        """Return the outline; None if the codec is unknown or there is no audio."""
        return self._reading.finish() if self._reading else None

    def _begin(self, piece: bytes) -> None:
        self._prefix += piece
        try:
            header = parse_wav_header(self._prefix, complete=False)
        except WavError:
            self._is_unreadable = True
            return
        if header is None:
            return
        codec = codec_of(header, GATHERED_BYTES)
        if codec is None:
            self._is_unreadable = True
        else:
            self._reading = _Reading(header, codec)
            self._reading.take(memoryview(self._prefix)[header.data_offset :])
        self._prefix = b""


class _Reading:
    """The audio after the header, processed in blocks."""

    def __init__(self, header: WavHeader, codec: Codec) -> None:
        self._rate_hz = header.sample_rate_hz
        self._codec = codec
        self._held = 0
        self._frame_bytes = codec.sample_bytes * header.channels
        self._chunks = AudioChunks(header.data_bytes, self._frame_bytes)
        block_bytes = BLOCK_FRAMES * self._frame_bytes
        self._room = memoryview(bytearray(GATHERED_BYTES // block_bytes * block_bytes))
        self._peaks = PeakBins(channels=header.channels, dtype=codec.dtype)
        least_frames = int(LEAST_SILENCE_SECONDS * self._rate_hz)
        self._silence = _SilenceFinder(header.channels, least_frames)

    def take(self, piece: memoryview) -> None:
        for audio in self._chunks.audio_in(piece):
            self._gather(audio)

    def _gather(self, audio: memoryview) -> None:
        while audio:
            count = min(len(audio), len(self._room) - self._held)
            self._room[self._held : self._held + count] = audio[:count]
            self._held += count
            audio = audio[count:]
            if self._held == len(self._room):
                self._work(self._held)
                self._held = 0

    def finish(self) -> Waveform | None:
        self._work(self._held - self._held % self._frame_bytes)  # the last frame may be incomplete
        if not self._silence.frames:
            return None
        lows, highs = self._peaks.extremes()
        return Waveform(
            lows=_from_full_scale(lows),
            highs=_from_full_scale(highs),
            bin_seconds=self._peaks.bin_frames / self._rate_hz,
            length_seconds=self._silence.frames / self._rate_hz,
            silences=self._silence.finish(self._rate_hz),
        )

    def _work(self, size: int) -> None:
        samples = self._codec.decode(self._room[:size])
        self._silence.add(samples)
        self._peaks.add(samples)


class _SilenceFinder:
    """Finds to the frame where all channels are zero.

    Attributes:
        frames: the number of frames read.
    """

    def __init__(self, channels: int, least_frames: int) -> None:
        self.frames = 0
        self._channels = channels
        self._least_frames = least_frames
        self._spans = SpanCollector()
        self._since: int | None = None
        """The first frame of the current silence."""

    def add(self, samples: Samples) -> None:
        for at in range(0, len(samples), SEARCHED_SAMPLES):
            part = samples[at : at + SEARCHED_SAMPLES]
            if self._may_hold_silence(part):
                self._search(part)
            self.frames += len(part) // self._channels

    def _may_hold_silence(self, samples: Samples) -> bool:
        """Whether one may begin, go on or end here; usually a few samples show that none does."""
        if self._since is not None or not samples[-self._channels :].any():
            return True
        # A silence that is long enough covers at least one of these stretches.
        stretch = self._least_frames // 2 * self._channels
        stretches = samples[: len(samples) // stretch * stretch].reshape(-1, stretch)
        return not stretches[:, :FIRST_SAMPLES].any(axis=1).all()

    def _search(self, samples: Samples) -> None:
        silent = samples[:: self._channels] == 0
        for channel in range(1, self._channels):
            silent &= samples[channel :: self._channels] == 0
        before = np.concatenate(([self._since is not None], silent[:-1]))
        edges = np.flatnonzero(silent != before) + self.frames
        if self._since is not None:
            edges = np.concatenate(([self._since], edges))
        self._note(edges[: len(edges) // 2 * 2].reshape(-1, 2))
        self._since = int(edges[-1]) if len(edges) % 2 else None

    def finish(self, sample_rate_hz: int) -> SpanSummary:
        if self._since is not None:
            self._note(np.array([(self._since, self.frames)]))
        return self._spans.spans(sample_rate_hz)

    def _note(self, spans: NDArray[np.intp]) -> None:
        long_enough = spans[:, 1] - spans[:, 0] >= self._least_frames
        for start, end in spans[long_enough].tolist():
            self._spans.add(start, end)


def _from_full_scale(samples: NDArray[Any]) -> NDArray[np.float32]:
    # One more than the largest sample, so that the smallest one is exactly -1.
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
