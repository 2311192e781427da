"""A circuit breaker for each host: while a host does not answer, only occasional probes call it.

Without it, work for an unreachable host would be retried at full rate and occupy slots that work
for other hosts needs. Calls that answer people or take files back are always made.
"""

import time
from collections.abc import Callable
from typing import Final

from bot.concurrency.urgency import Urgency, urgency_now
from bot.network.retry import backoff_seconds
from bot.observability.logs import get_logger

log = get_logger(__name__)

OPENS_AFTER_FAILURES: Final = 5
OPENS_AFTER_SECONDS: Final = 5.0
"""How long a host must not have answered; short failures do not open the circuit."""
FIRST_PROBE_SECONDS: Final = 1.0
LONGEST_PROBE_SECONDS: Final = 15.0


class Circuit:
    """The circuit breaker of one host; while it is open, one probe is made after each wait.

    The waits double from ``FIRST_PROBE_SECONDS`` to ``LONGEST_PROBE_SECONDS``.
    """

    def __init__(self, host: str, monotonic: Callable[[], float]) -> None:
        self._host = host
        self._monotonic = monotonic
        self._failures = 0
        self._failing_since: float | None = None
        self._probe_at: float | None = None
        self._probes = 0

    def wait_seconds(self) -> float:
        """Return in how many seconds the next call may be made; 0: now."""
        now = self._monotonic()
        if urgency_now() <= Urgency.TAKE_BACK or self._probe_at is None:
            return 0.0
        if now < self._probe_at:
            return self._probe_at - now
        self._probe_at = now + self._next_wait()
        return 0.0

    def note(self, *, is_answer: bool) -> None:
        """Count the result of a call: an answer closes the circuit, a server error does not."""
        now = self._monotonic()
        if is_answer:
            if self._probe_at is not None:
                log.info("host_answers_again", host=self._host)
            self._failures, self._failing_since, self._probe_at, self._probes = 0, None, None, 0
            return
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = now
        is_long = now - self._failing_since >= OPENS_AFTER_SECONDS
        if self._probe_at is None and is_long and self._failures >= OPENS_AFTER_FAILURES:
            log.warning("host_away", host=self._host, failures=self._failures)
            self._probe_at = now + self._next_wait()

    def _next_wait(self) -> float:
        wait = backoff_seconds(
            self._probes, first=FIRST_PROBE_SECONDS, longest=LONGEST_PROBE_SECONDS
        )
        self._probes += 1
        return wait


class Circuits:
    """The circuits of all hosts."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._of: dict[str, Circuit] = {}
        self._monotonic = monotonic

    def of(self, host: str) -> Circuit:
        """Return the circuit of a host."""
        return self._of.setdefault(host, Circuit(host, self._monotonic))
