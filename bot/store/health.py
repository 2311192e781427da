"""What the statements of a process tell of its database: whether it fails, and since when."""

import time
from collections.abc import Callable
from typing import Final

from bot.observability.logs import get_logger
from bot.observability.sparing_log import SparingLog
from bot.store.failures import DISK_FAILS, DISK_FULL, READ_ONLY, why

log = get_logger(__name__)

WROTE_LATELY_SECONDS: Final = 1.0
HOLDS_SECONDS: Final = 10.0
"""So long a database that took no write counts as failing: a smaller write may succeed there."""
TAKES_NO_WRITES: Final = (DISK_FULL, READ_ONLY, DISK_FAILS)


class StoreHealth:
    """Hears of each failure and each write.

    Operators read one line a minute of a database that is away, however many met it.

    Attributes:
        is_logged: whether it is; a command in a terminal tells of the failure itself.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.is_logged = False
        self._monotonic = monotonic
        self._sparing = SparingLog(monotonic=monotonic)
        self._wrote_at = self._took_no_write_at = -HOLDS_SECONDS

    def note_failure(self, error: BaseException) -> None:
        """Note an error of the database; one that a statement is to blame for tells nothing."""
        failure = why(error)
        if failure is None:
            return
        if failure in TAKES_NO_WRITES:
            self._took_no_write_at = self._monotonic()
        unlogged = self._sparing.due(failure.says) if self.is_logged else None
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
        """Whether no write was refused of late."""
        return self._monotonic() - self._took_no_write_at >= HOLDS_SECONDS
