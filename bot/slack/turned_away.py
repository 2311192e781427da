"""Requests that are not let in: counted by cause, and told to operators without filling the log."""

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from bot.logs import get_logger
from bot.metrics import Metrics

log = get_logger(__name__)

WARN_EVERY_SECONDS: Final = 60.0


class RejectionCause(StrEnum):
    """Why a request or its connection was not let in."""

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


class TurnedAway:
    """Counts each request that is turned away, and warns of each cause once a minute at most."""

    def __init__(
        self, metrics: Metrics, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._warned_at: dict[RejectionCause, float] = {}
        self._unwarned: dict[RejectionCause, int] = {}

    def note(self, cause: RejectionCause, **facts: int | str) -> None:
        """Count one; ``facts`` about it are told where it is the one that is warned of."""
        self._metrics.turned_away.labels(cause=cause.value).inc()
        now = self._monotonic()
        if now - self._warned_at.get(cause, -WARN_EVERY_SECONDS) < WARN_EVERY_SECONDS:
            self._unwarned[cause] = self._unwarned.get(cause, 0) + 1
            return
        self._warned_at[cause] = now
        log.warning(
            "request_turned_away",
            cause=cause.value,
            likely=LIKELY[cause],
            unwarned_before=self._unwarned.pop(cause, 0),
            **facts,
        )
