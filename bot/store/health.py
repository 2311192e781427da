"""Whether the database fails, judged by the statements of this process."""

import time
from collections.abc import Callable
from typing import Final

from bot.observability.log_throttle import LogThrottle
from bot.observability.logs import get_logger
from bot.store.failures import DISK_FAILS, DISK_FULL, READ_ONLY, why

log = get_logger(__name__)

WROTE_LATELY_SECONDS: Final = 1.0
HOLDS_SECONDS: Final = 10.0
"""How long a refused write counts, even if a smaller write succeeds meanwhile."""
TAKES_NO_WRITES: Final = (DISK_FULL, READ_ONLY, DISK_FAILS)


class StoreHealth:
    """Notes each failure and each write; logs an unavailable database once a minute.

    Attributes:
        is_logged: whether to log failures; a command in a terminal prints them itself.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.is_logged = False
        self._monotonic = monotonic
        self._log_throttle = LogThrottle(monotonic=monotonic)
        self._wrote_at = self._took_no_write_at = -HOLDS_SECONDS

    def note_failure(self, error: BaseException) -> None:
        """Note a failure of the database; an error caused by the statement itself is ignored."""
        failure = why(error)
        if failure is None:
            return
        if failure in TAKES_NO_WRITES:
            self._took_no_write_at = self._monotonic()
        unlogged = self._log_throttle.due(failure.says) if self.is_logged else None
        if unlogged is not None:
            log.warning(
                "database_away", says=failure.says, fix=failure.fix, unlogged_before=unlogged
            )

    def note_write(self) -> None:
        """Note that a transaction was committed."""
        self._wrote_at = self._monotonic()

    @property
    def wrote_lately(self) -> bool:
        """Whether a write succeeded just now, so that there is no need to try one."""
        return self._monotonic() - self._wrote_at < WROTE_LATELY_SECONDS

    @property
    def takes_writes(self) -> bool:
        """Whether no write was refused in the last ``HOLDS_SECONDS``."""
        return self._monotonic() - self._took_no_write_at >= HOLDS_SECONDS
