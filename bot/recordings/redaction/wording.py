"""What came of a check, in plain words: no markup, and nothing of the recording."""

from types import MappingProxyType
from typing import Final

from bot.recordings.redaction.outcome import Comparison, Uncertainty, Verdict
from bot.recordings.waveform.spans import Spans
from bot.time_spans import spell_time

MOST_SHOWN: Final = 10

UNCERTAINTIES: Final = MappingProxyType(
    {
        Uncertainty.ENCODING: "the two recordings are encoded differently",
        Uncertainty.FORMAT: "recordings in this encoding cannot be compared",
        Uncertainty.LONG_HEADER: "much else comes before the audio of the redacted recording",
        Uncertainty.SHIFTED: "the redacted recording starts at another moment than the raw one",
        Uncertainty.REENCODED: "the redacted recording was encoded anew, or made louder or softer",
        Uncertainty.OTHER_AUDIO: "the redacted recording has other audio than the raw one",
        Uncertainty.LENGTH: "one of the two recordings is longer than the other",
        Uncertainty.SECOND_DATA: "more audio follows in a second chunk",
        Uncertainty.TRAILER: "the two recordings differ in the bytes after the audio",
        Uncertainty.ONE_CHANNEL: "while one channel is muted, the other is heard",
        Uncertainty.SPAN_BEYOND_END: "a moment that should be muted is not in the recording",
        Uncertainty.BROKEN_OFF: "one of the two recordings ended early, or could not be had",
        Uncertainty.NOT_WAV: "one of the two is no recording",
        Uncertainty.CHANGED: "PolyAI sent another redacted recording than the one before",
    }
)


def said(found: Comparison) -> str:
    """Say the outcome in one sentence or two."""
    match found.verdict:
        case Verdict.PROVEN:
            return (
                "Proven: the redacted recording is the raw one, sample by sample, "
                f"with {_moments(found.muted)} muted."
            )
        case Verdict.NOTHING_MUTED:
            return "Nothing is muted: the redacted recording is the same as the unredacted one."
        case Verdict.DIFFERS:
            return (
                f"It differs: {_moments(found.heard)} can be heard in the redacted recording and "
                f"should not be. The loudest sample there is at {found.heard_db:g} dB."
            )
        case Verdict.INCONCLUSIVE:
            return (
                f"It cannot be told: {UNCERTAINTIES[found.uncertainty or Uncertainty.BROKEN_OFF]}."
            )


def _moments(spans: Spans) -> str:
    shown = [
        f"{spell_time(each.start_seconds)}-{spell_time(each.end_seconds)}"
        for each in spans.kept[:MOST_SHOWN]
    ]
    more = spans.count - len(shown)
    where = ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])
    count = "1 moment" if spans.count == 1 else f"{spans.count} moments"
    return f"{count} of {spans.seconds:.1f} s ({where})"
