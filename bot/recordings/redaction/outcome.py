"""The outcome of comparing a redacted recording with the raw one: spans, counts and levels."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.recordings.waveform.spans import Spans

NO_SPANS: Final = Spans(0, 0.0, ())


class Verdict(StrEnum):
    """The verdict on a redacted recording."""

    PROVEN = "proven"
    """It is the raw recording, sample by sample, with some moments muted."""
    NOTHING_MUTED = "nothing_muted"
    """It is the raw recording: there was nothing to mute, or nothing was muted."""
    DIFFERS = "differs"
    """Something is heard where it is muted, or should be."""
    INCONCLUSIVE = "cannot_tell"


class Uncertainty(StrEnum):
    """Why a comparison is inconclusive."""

    ENCODING = "encoding"
    """The two are encoded differently."""
    FORMAT = "format"
    """The two are encoded in a way that cannot be compared."""
    LONG_HEADER = "long_header"
    """Before its audio the redacted one has room for sound, and other bytes than the raw one."""
    SHIFTED = "shifted"
    """The redacted one starts earlier or later."""
    REENCODED = "reencoded"
    """Most samples are a little different: it was encoded anew, or made louder or softer."""
    OTHER_AUDIO = "other_audio"
    """Most samples are different, and nothing shows that both are of the same call."""
    LENGTH = "length"
    """One is longer than the other."""
    SECOND_DATA = "second_data"
    """More audio follows in a chunk of its own."""
    TRAILER = "trailer"
    """After its audio come other bytes than in the raw one."""
    ONE_CHANNEL = "one_channel"
    """While one channel is muted, the other is heard."""
    SPAN_BEYOND_END = "span_beyond_end"
    """A moment that should be muted is not in the recording."""
    BROKEN_OFF = "broken_off"
    """One of the two ended early, or could not be had."""
    NOT_WAV = "not_wav"
    """One of the two is no recording."""
    CHANGED = "changed"
    """What was compared is not what was sent."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome; holds no sample and nothing a sample could be made from.

    Attributes:
        uncertainty: why it is inconclusive; None with every other verdict.
        length_seconds: the length that was compared.
        muted: where the redacted recording is muted and the raw one is not.
        heard: where it differs: what is heard and should not be.
        heard_db: the loudest of that, in dB below the loudest possible; None: nothing.
        redacted_sha256: of the whole redacted body; None where it was not read to its end.
    """

    verdict: Verdict
    uncertainty: Uncertainty | None = None
    length_seconds: float = 0.0
    muted: Spans = NO_SPANS
    heard: Spans = NO_SPANS
    heard_db: float | None = None
    redacted_sha256: str | None = None


def inconclusive(uncertainty: Uncertainty) -> Comparison:
    """Build an inconclusive outcome."""
    return Comparison(Verdict.INCONCLUSIVE, uncertainty)
