"""Rejected requests: counted by cause, and logged for operators at a limited rate."""

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from bot.observability.log_throttle import LogThrottle
from bot.observability.logs import get_logger
from bot.observability.metrics import Metrics

log = get_logger(__name__)


class RejectionCause(StrEnum):
    """Why a request or its connection was rejected."""

    UNSIGNED = "unsigned"
    SIGNATURE_WRONG = "signature_wrong"
    CLOCK_SKEWED = "clock_skewed"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    CROWDED = "crowded"
    MALFORMED = "malformed"


LIKELY: Final[Mapping[RejectionCause, str]] = MappingProxyType(
    {
        RejectionCause.UNSIGNED: (
            "something other than Slack calls /slack/events, or a proxy drops Slack's headers"
        ),
        RejectionCause.SIGNATURE_WRONG: (
            "SLACK_SIGNING_SECRET is not the one of this app (Basic Information, Signing Secret), "
            "or a proxy changes the body"
        ),
        RejectionCause.CLOCK_SKEWED: (
            "the clock of this machine is wrong by skew_seconds, or somebody sent an old request "
            "again"
        ),
        RejectionCause.TOO_LARGE: "somebody sends more than Slack ever does",
        RejectionCause.TOO_SLOW: (
            "somebody holds connections open, or a proxy does not buffer requests"
        ),
        RejectionCause.CROWDED: (
            "more connections than are served at a time; the oldest idle ones were closed"
        ),
        RejectionCause.MALFORMED: "signed, but not as Slack's documentation describes it",
    }
)


class RejectedRequests:
    """Counts each rejected request, and warns of each cause at most once a minute."""

    def __init__(
        self, metrics: Metrics, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._log_throttle = LogThrottle(monotonic=monotonic)

    def note(self, cause: RejectionCause, **facts: int | str) -> None:
        """Count one; ``facts`` about it are added to the warning, if there is one."""
        self._metrics.rejected_requests.labels(cause=cause.value).inc()
        unwarned = self._log_throttle.due(cause.value)
        if unwarned is None:
            return
        log.warning(
            "request_rejected",
            cause=cause.value,
            likely=LIKELY[cause],
            unwarned_before=unwarned,
            **facts,
        )
