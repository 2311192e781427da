"""Compares the audio of two recordings block by block while it arrives."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.recordings.audio.codecs import Codec, Samples, codec_of
from bot.recordings.audio.spans import Span
from bot.recordings.audio.wav_header import PCM, WavHeader
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.blocks import (
    CONTEXT_SECONDS,
    EDGE_SECONDS,
    SpanMarks,
    audible,
    compare_block,
    within,
)
from bot.recordings.redaction.body import Body
from bot.recordings.redaction.likeness import SEGMENT_SECONDS, Spread, likeness
from bot.recordings.redaction.outcome import NO_SPANS, Comparison, Uncertainty

BLOCK_BYTES: Final = 256 * 1024
"""The size of a block: a few seconds of a call, and large enough to make numpy efficient."""
GAP_SECONDS: Final = 0.1
"""Spans closer together than this are merged."""


def begin_comparison(header: WavHeader, must_be_muted: Sequence[Span]) -> "AudioComparison | None":
    """Start a comparison of the audio after these headers; None if it cannot be decoded."""
    codec = codec_of(header, 8 * BLOCK_BYTES)  # a block with its context, at any sampling rate
    return AudioComparison(header, codec, must_be_muted) if codec else None


class AudioComparison:
    """The comparison of both recordings' audio, block by block."""

    def __init__(self, header: WavHeader, codec: Codec, must_be_muted: Sequence[Span]) -> None:
        rate = self._rate_hz = header.sample_rate_hz
        self._channels = header.channels
        self._codec = codec
        self._frame_bytes = codec.sample_bytes * header.channels
        self._context = int(CONTEXT_SECONDS * rate)
        self._block = BLOCK_BYTES // self._frame_bytes
        self._silence = _greatest_silence(header, codec)
        self._must_be_muted = [_frames(span, rate) for span in must_be_muted]
        self._muted = SpanMarks(int(GAP_SECONDS * rate))
        self._heard = SpanMarks(int(GAP_SECONDS * rate))
        self._level = 0
        self._is_unmuted = False
        self._one_sided = 0
        self._spread = Spread(int(SEGMENT_SECONDS * rate))
        self._likeness: Uncertainty | None = None
        self._start = 0
        """The first frame of both buffers; it was compared already, and serves as context."""
        self._compared = 0
        self._lengths_differ = False

    def work(self, raw: Body, redacted: Body) -> None:
        """Compare the whole blocks that have arrived of both."""
        while True:
            frames = min(len(raw.audio), len(redacted.audio)) // self._frame_bytes
            if self._start + frames - self._compared < self._block + self._context:
                break
            self._compare(raw, redacted, self._compared + self._block)
        for one, other in ((raw, redacted), (redacted, raw)):
            if one.has_all_audio and len(other.audio) > len(one.audio):
                self._lengths_differ = True
                del other.audio[len(one.audio) :]

    def finish(self, raw: Body, redacted: Body) -> None:
        """Compare the rest."""
        self._lengths_differ = self._lengths_differ or len(raw.audio) != len(redacted.audio)
        frames = min(len(raw.audio), len(redacted.audio)) // self._frame_bytes
        if self._start + frames > self._compared:
            self._compare(raw, redacted, self._start + frames)

    def outcome(self, uncertainty: Uncertainty | None, redacted_sha256: str) -> Comparison:
        """Return the outcome; a certain difference takes precedence over any uncertainty."""
        verdict, why = self._verdict(uncertainty)
        rate = self._rate_hz
        differs = verdict is Verdict.DIFFERS
        return Comparison(
            verdict,
            why,
            length_seconds=self._compared / rate,
            muted=self._muted.spans(rate),
            heard=self._heard.spans(rate) if differs else NO_SPANS,
            heard_db=self._decibels() if differs else None,
            redacted_sha256=redacted_sha256,
        )

    def _verdict(self, uncertainty: Uncertainty | None) -> tuple[Verdict, Uncertainty | None]:
        if self._is_unmuted or (self._heard.count and not self._spread.is_everywhere):
            return Verdict.DIFFERS, None
        if self._heard.count:
            return Verdict.INCONCLUSIVE, self._likeness or Uncertainty.OTHER_AUDIO
        uncertainty = uncertainty or self._uncertainty_of_audio()
        if uncertainty:
            return Verdict.INCONCLUSIVE, uncertainty
        return (Verdict.PROVEN if self._muted.count else Verdict.NOTHING_MUTED), None

    def _uncertainty_of_audio(self) -> Uncertainty | None:
        if self._lengths_differ:
            return Uncertainty.LENGTH
        if any(end > self._compared for _, end in self._must_be_muted):
            return Uncertainty.SPAN_BEYOND_END
        if self._one_sided > EDGE_SECONDS * self._rate_hz:
            return Uncertainty.ONE_CHANNEL
        return None

    def _compare(self, raw: Body, redacted: Body, end: int) -> None:
        """Compare the frames up to ``end``, with their context on both sides."""
        size = (end + self._context - self._start) * self._frame_bytes
        one, other = (bytes(memoryview(each.audio)[:size]) for each in (raw, redacted))
        self._check(one, other, end)
        self._compared = end
        passed = max(0, end - self._context - self._start)
        for body in (raw, redacted):
            del body.audio[: passed * self._frame_bytes]
        self._start += passed

    def _check(self, raw: bytes, redacted: bytes, end: int) -> None:
        first, start = self._compared, self._start
        watched = [
            slice(max(since, first) - start, min(until, end) - start)
            for since, until in self._must_be_muted
            if since < end and until > first
        ]
        if raw == redacted and not watched:
            self._spread.add_same(end - first)
            return
        frames = min(len(raw), len(redacted)) // self._frame_bytes
        # The codec's next call overwrites its result.
        hidden = self._samples(redacted, frames).copy()
        spoken = self._samples(raw, frames)
        marks = compare_block(spoken, hidden, rate_hz=self._rate_hz, silence=self._silence)
        part = slice(first - start, end - start)
        if marks.heard[part].any():
            self._level = max(self._level, marks.level)
        if self._spread.add(marks.heard[part], marks.same[part]) and self._likeness is None:
            self._likeness = likeness(spoken, hidden)
        heard = marks.heard
        for each in watched:
            leaks, level = audible(hidden[each], silence=self._silence)
            if leaks.any():
                self._is_unmuted = True
                self._level = max(self._level, level)
                heard[each] |= leaks
        self._muted.add(within(marks.muted[part], first))
        self._heard.add(within(heard[part], first))
        self._one_sided += int(marks.one_sided[part].sum())

    def _samples(self, audio: bytes, frames: int) -> Samples:
        whole = memoryview(audio)[: frames * self._frame_bytes]
        return self._codec.decode(whole).reshape(-1, self._channels)

    def _decibels(self) -> float:
        full_scale = -float(np.iinfo(self._codec.dtype).min)
        return round(20 * math.log10(max(self._level, 1) / full_scale), 1)


def _greatest_silence(header: WavHeader, codec: Codec) -> int:
    """Return the greatest decoded sample that counts as silence: one step of 16 and 24 bits.

    Dither has that level. In 8 bits, A-law and mu-law one step is audible, and 32 bits and floats
    are not dithered: there only digital silence counts.
    """
    steps = {2: 1, 3: 256}
    return steps.get(codec.sample_bytes, 0) if header.format_tag == PCM else 0


def _frames(span: Span, rate_hz: int) -> tuple[int, int]:
    """Count a span in frames, without its edges."""
    edge = EDGE_SECONDS * rate_hz
    first = math.ceil(span.start_seconds * rate_hz + edge)
    end = math.floor(span.end_seconds * rate_hz - edge)
    return first, max(end, first + 1)
