"""The outcome of comparing a redacted recording with the raw one: spans, counts and levels."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.redaction_verdict import Verdict

NO_SPANS: Final = SpanSummary(0, 0.0, ())


class Uncertainty(StrEnum):
    """Why a comparison is inconclusive."""

    ENCODING = "encoding"
    """The two are encoded differently."""
    FORMAT = "format"
    """The two are encoded in a way that cannot be compared."""
    LONG_HEADER = "long_header"
    """The bytes before the redacted audio differ from the raw ones, and could hold sound."""
    SHIFTED = "shifted"
    """The redacted one starts earlier or later."""
    REENCODED = "reencoded"
    """Most samples differ a little: it was re-encoded, or its volume changed."""
    OTHER_AUDIO = "other_audio"
    """Most samples differ, and nothing shows that both are of the same call."""
    LENGTH = "length"
    """One is longer than the other."""
    SECOND_DATA = "second_data"
    """More audio follows in a second chunk."""
    TRAILER = "trailer"
    """The bytes after the audio differ."""
    ONE_CHANNEL = "one_channel"
    """While one channel is muted, the other can be heard."""
    SPAN_BEYOND_END = "span_beyond_end"
    """A moment that should be muted is not in the recording."""
    BROKEN_OFF = "broken_off"
    """One of the two ended early, or could not be fetched."""
    NOT_WAV = "not_wav"
    """One of the two is not a recording."""
    CHANGED = "changed"
    """The compared recording is not the delivered one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome; it contains no samples, and none can be reconstructed from it.

    Attributes:
        uncertainty: why it is inconclusive; None with every other verdict.
        length_seconds: the length that was compared.
        muted: where the redacted recording is muted and the raw one is not.
        heard: the spans that can be heard and should not be.
        heard_db: the loudest sample in them, in dB below the maximum; None without such spans.
        redacted_sha256: of the whole redacted body; None if it was not read to its end.
    """

    verdict: Verdict
    uncertainty: Uncertainty | None = None
    length_seconds: float = 0.0
    muted: SpanSummary = NO_SPANS
    heard: SpanSummary = NO_SPANS
    heard_db: float | None = None
    redacted_sha256: str | None = None


def inconclusive(uncertainty: Uncertainty) -> Comparison:
    """Build an inconclusive outcome."""
    return Comparison(Verdict.INCONCLUSIVE, uncertainty)
