"""Words the outcome of a check, without markup and without content of the recording."""

from types import MappingProxyType
from typing import Final

from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.redaction_verdict import Verdict
from bot.recordings.redaction.outcome import Comparison, Uncertainty
from bot.text.time_spans import format_time

MOST_SHOWN: Final = 10

UNCERTAINTIES: Final = MappingProxyType(
    {
        Uncertainty.ENCODING: "the two recordings are encoded differently",
        Uncertainty.FORMAT: "recordings in this encoding cannot be compared",
        Uncertainty.LONG_HEADER: "the redacted recording has many bytes before its audio",
        Uncertainty.SHIFTED: "the two recordings start at different times",
        Uncertainty.REENCODED: "the redacted recording was re-encoded, or its volume changed",
        Uncertainty.OTHER_AUDIO: "the two recordings have different audio",
        Uncertainty.LENGTH: "one of the two recordings is longer than the other",
        Uncertainty.SECOND_DATA: "more audio follows in a second chunk",
        Uncertainty.TRAILER: "the two recordings differ in the bytes after the audio",
        Uncertainty.ONE_CHANNEL: "while one channel is muted, the other is heard",
        Uncertainty.SPAN_BEYOND_END: "a span that should be muted is not in the recording",
        Uncertainty.BROKEN_OFF: "one of the two recordings ended early, or could not be fetched",
        Uncertainty.NOT_WAV: "one of the two is not a recording",
        Uncertainty.CHANGED: "PolyAI sent a different redacted recording than before",
    }
)


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
            why = UNCERTAINTIES[found.uncertainty or Uncertainty.BROKEN_OFF]
            return f"The check is inconclusive: {why}."


def _listed(spans: SpanSummary) -> str:
    shown = [
        f"{format_time(each.start_seconds)}-{format_time(each.end_seconds)}"
        for each in spans.kept[:MOST_SHOWN]
    ]
    more = spans.count - len(shown)
    where = ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])
    count = "1 span" if spans.count == 1 else f"{spans.count} spans"
    return f"{count} of {spans.seconds:.1f} s ({where})"
