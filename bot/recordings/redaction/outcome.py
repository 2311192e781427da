"""The outcome of comparing a redacted recording with the raw one: spans, counts and levels.

In words it has no markup, and no content of the recording.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.text.time_spans import format_time

MOST_SHOWN: Final = 10
NO_SPANS: Final = SpanSummary(0, 0.0, ())


class Uncertainty(StrEnum):
    """Why a comparison is inconclusive: a code, and its words."""

    words: str

    def __new__(cls, code: str, words: str) -> Self:
        """Create a member from both."""
        member = str.__new__(cls, code)
        member._value_, member.words = code, words
        return member

    ENCODING = "encoding", "the two recordings are encoded differently"
    FORMAT = "format", "recordings in this encoding cannot be compared"
    LONG_HEADER = "long_header", "the redacted recording has many bytes before its audio"
    SHIFTED = "shifted", "the two recordings start at different times"
    REENCODED = "reencoded", "the redacted recording was re-encoded, or its volume changed"
    OTHER_AUDIO = "other_audio", "the two recordings have different audio"
    LENGTH = "length", "one of the two recordings is longer than the other"
    SECOND_DATA = "second_data", "more audio follows in a second chunk"
    TRAILER = "trailer", "the two recordings differ in the bytes after the audio"
    ONE_CHANNEL = "one_channel", "while one channel is muted, the other is heard"
    SPAN_BEYOND_END = "span_beyond_end", "a span that should be muted is not in the recording"
    BROKEN_OFF = "broken_off", "one of the two recordings ended early, or could not be fetched"
    NOT_WAV = "not_wav", "one of the two is not a recording"
    CHANGED = "changed", "PolyAI sent a different redacted recording than before"


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


def described(found: Comparison) -> str:
    """Word the outcome in one to three sentences."""
    match found.verdict:
        case Verdict.PROVEN:
            return (
                "Proven: the redacted recording is the unredacted one, sample by sample, "
                f"with {_listed(found.muted)} muted."
            )
        case Verdict.NOTHING_MUTED:
            return "Nothing is muted: the redacted recording is the same as the unredacted one."
        case Verdict.DIFFERS:
            return (
                f"It differs: {_listed(found.heard)} can be heard in the redacted recording and "
                f"should not be. The loudest sample there is at {found.heard_db:g} dB. "
                "It is deleted from Slack, and not delivered until a check proves it."
            )
        case Verdict.INCONCLUSIVE:
            why = found.uncertainty or Uncertainty.BROKEN_OFF
            return f"The check is inconclusive: {why.words}."


def _listed(spans: SpanSummary) -> str:
    shown = [
        f"{format_time(each.start_seconds)}-{format_time(each.end_seconds)}"
        for each in spans.kept[:MOST_SHOWN]
    ]
    more = spans.count - len(shown)
    where = ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])
    count = "1 span" if spans.count == 1 else f"{spans.count} spans"
    return f"{count} of {spans.seconds:.1f} s ({where})"
