"""Each outcome of a redaction check as a sentence."""

import pytest

from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.outcome import Comparison, Uncertainty, described, inconclusive

CARD = SpanSummary(1, 0.6, (Span(61.0, 61.6),))
MANY = SpanSummary(12, 6.0, tuple(Span(at, at + 0.5) for at in range(12)))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            Comparison(Verdict.PROVEN, muted=CARD),
            (
                "Proven: the redacted recording is the unredacted one, sample by sample, "
                "with 1 span of 0.6 s (1:01.0-1:01.6) muted."
            ),
        ),
        (
            Comparison(Verdict.NOTHING_MUTED),
            "Nothing is muted: the redacted recording is the same as the unredacted one.",
        ),
        (
            Comparison(Verdict.DIFFERS, heard=CARD, heard_db=-12.5),
            (
                "It differs: 1 span of 0.6 s (1:01.0-1:01.6) can be heard in the redacted "
                "recording and should not be. The loudest sample there is at -12.5 dB. It is "
                "deleted from Slack, and not delivered until a check proves it."
            ),
        ),
        (
            inconclusive(Uncertainty.LENGTH),
            "The check is inconclusive: one of the two recordings is longer than the other.",
        ),
    ],
)
def test_each_outcome_has_a_sentence(found, words):
    assert described(found) == words


def test_only_the_first_of_many_spans_are_listed():
    assert described(Comparison(Verdict.PROVEN, muted=MANY)).count("-0:") == 10
    assert "and 2 more" in described(Comparison(Verdict.PROVEN, muted=MANY))
