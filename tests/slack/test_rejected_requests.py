"""Each cause of a rejection is counted, and logged at a limited rate."""

from structlog.testing import capture_logs

from bot.observability.metrics import Metrics
from bot.slack.rejected_requests import LIKELY, RejectedRequests, RejectionCause


def test_every_cause_has_a_likely_explanation():
    assert set(LIKELY) == set(RejectionCause)


def test_a_cause_is_logged_once_a_minute_with_the_number_of_rejections():
    now = 100.0
    rejected_requests = RejectedRequests(Metrics(), monotonic=lambda: now)
    with capture_logs() as lines:
        for _ in range(5):
            rejected_requests.note(RejectionCause.CLOCK_SKEWED, skew_seconds=400)
        rejected_requests.note(RejectionCause.UNSIGNED)
        now = 159.0
        rejected_requests.note(RejectionCause.CLOCK_SKEWED, skew_seconds=401)
        now = 160.0
        rejected_requests.note(RejectionCause.CLOCK_SKEWED, skew_seconds=402)
    told = [(line["cause"], line.get("skew_seconds"), line["unwarned_before"]) for line in lines]
    assert told == [("clock_skewed", 400, 0), ("unsigned", None, 0), ("clock_skewed", 402, 5)]
