"""What a worker does over and over besides deliveries and digests."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from bot.access.access_rounds import AccessRounds
from bot.digests.claims import Claims
from bot.home.publishing import HomePublishing
from bot.jobs.scheduler import Scheduler
from bot.logs import get_logger
from bot.recordings.requests import forget_recent
from bot.recordings.retention import Retention
from bot.store.database import Database

log = get_logger(__name__)

PAUSE_SECONDS: Final = 1.0
BATCH: Final = 20
# A look takes a second, or minutes where Slack hangs. So many may hang before another has to wait;
# and with so many at work it is Slack that sets the pace: some 50 conversations a minute.
LOOKS_AT_ONCE: Final = 6
CLEAN_SECONDS: Final = 3600.0
KEEP_DIGEST_RUNS: Final = timedelta(days=90)


def take_back(scheduler: Scheduler, retention: Retention, pause_seconds: float) -> None:
    """Look after raw recordings; the store says which are due."""

    async def look() -> None:
        while await retention.look():
            pass

    scheduler.every(pause_seconds, "take_back", look, at_once=LOOKS_AT_ONCE)
    delete = _until_idle(lambda: retention.delete_left(BATCH), BATCH)
    scheduler.every(pause_seconds, "delete_left", delete)


def attend_access(scheduler: Scheduler, rounds: AccessRounds, pause_seconds: float) -> None:
    """Carry requests for access along, to their expiry; the store says which are due."""
    work = _until_idle(lambda: rounds.look(BATCH), BATCH)
    scheduler.every(pause_seconds, "attend_access", work)


def publish_homes(scheduler: Scheduler, publishing: HomePublishing, pause_seconds: float) -> None:
    """Publish App Homes; the store says which are due."""
    work = _until_idle(lambda: publishing.look(BATCH), BATCH)
    scheduler.every(pause_seconds, "publish_homes", work)


def clean_up(
    scheduler: Scheduler,
    *,
    claims: Claims,
    database: Database,
    clock: Callable[[], datetime],
    pause_seconds: float = CLEAN_SECONDS,
) -> None:
    """Remove what is kept of work that ended long ago; the audit log stays as it is."""

    async def clean() -> None:
        await claims.forget_older(KEEP_DIGEST_RUNS)
        await forget_recent(database, clock())

    scheduler.every(pause_seconds, "clean_up", clean)


def _until_idle(look: Callable[[], Awaitable[int]], batch: int) -> Callable[[], Awaitable[None]]:
    """Look again at once while there was a whole batch to do."""

    async def work() -> None:
        while await look() >= batch:  # noqa: ASYNC110 - it waits for nobody, it only lets others run
            await asyncio.sleep(0)

    return work
