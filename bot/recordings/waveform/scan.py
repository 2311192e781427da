"""Computes the outline of a recording during its transfer, in bounded memory."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.audio_chunks import AudioChunks
from bot.recordings.audio.codecs import Codec, Samples, codec_of
from bot.recordings.audio.silence import SilenceFinder, block_frames
from bot.recordings.audio.spans import SpanSummary
from bot.recordings.audio.wav_errors import WavError
from bot.recordings.audio.wav_header import WavHeader
from bot.recordings.audio.wav_header_parser import parse_wav_header
from bot.recordings.waveform.peaks import PeakBins

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


@dataclass
class _Reading:
    """The audio after the header, processed in blocks."""

    header: WavHeader
    codec: Codec
    _held: int = 0
    _frames: int = 0
    _chunks: AudioChunks = field(init=False)

    def __post_init__(self) -> None:
        header, codec = self.header, self.codec
        least_frames = int(LEAST_SILENCE_SECONDS * header.sample_rate_hz)
        self._frame_bytes = codec.sample_bytes * header.channels
        self._chunks = AudioChunks(header.data_bytes, self._frame_bytes)
        block = block_frames(least_frames)
        self._row_bytes = block * self._frame_bytes
        self._room = memoryview(bytearray(GATHERED_BYTES // self._row_bytes * self._row_bytes))
        self._peaks = PeakBins(channels=header.channels, dtype=codec.dtype, block_frames=block)
        self._silence = SilenceFinder(channels=header.channels, least_frames=least_frames)

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
        whole = self._held // self._row_bytes * self._row_bytes
        if whole:
            self._work(whole)
        end = self._held - self._held % self._frame_bytes  # the last frame may be incomplete
        rest = self.codec.decode(self._room[whole:end])
        if len(rest):
            self._silence.add(rest.reshape(1, -1), np.array([not rest.any()]))
            self._frames += len(rest) // self.header.channels
        self._silence.finish()
        lows, highs = self._peaks.finish(rest)
        if not self._frames:
            return None
        rate_hz = self.header.sample_rate_hz
        return Waveform(
            lows=_from_full_scale(lows),
            highs=_from_full_scale(highs),
            bin_seconds=self._peaks.bin_frames / rate_hz,
            length_seconds=self._frames / rate_hz,
            silences=self._silence.spans.spans(rate_hz),
        )

    def _work(self, size: int) -> None:
        rows = self._decoded(size)
        self._silence.add(rows, self._peaks.add(rows))
        self._frames += rows.size // self.header.channels

    def _decoded(self, size: int) -> Samples:
        rows = size // self._row_bytes
        return self.codec.decode(self._room[:size]).reshape(rows, -1)


def _from_full_scale(samples: NDArray[Any]) -> NDArray[np.float32]:
    # One more than the largest sample, so that the smallest one is exactly -1.
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
