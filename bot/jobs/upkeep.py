"""What a worker does over and over besides deliveries."""

import asyncio
from typing import Final

from bot.access.access_rounds import AccessRounds
from bot.home.publishing import HomePublishing
from bot.logs import get_logger
from bot.recordings.retention import Retention

log = get_logger(__name__)

PAUSE_SECONDS: Final = 1.0
BATCH: Final = 20


async def take_back(retention: Retention) -> None:
    """Look after raw recordings until cancelled; the store says which are due."""
    while True:
        try:
            looked_at = await retention.look(BATCH)
        except Exception:
            log.exception("take_back_failed")
            looked_at = 0
        if looked_at < BATCH:
            await asyncio.sleep(PAUSE_SECONDS)


async def attend_access(rounds: AccessRounds, pause_seconds: float) -> None:
    """Carry requests for access along until cancelled; the store says which are due."""
    while True:
        try:
            attended = await rounds.look(BATCH)
        except Exception:
            log.exception("attend_access_failed")
            attended = 0
        if attended < BATCH:
            await asyncio.sleep(pause_seconds)


async def publish_homes(publishing: HomePublishing, pause_seconds: float) -> None:
    """Publish App Homes until cancelled; the store says which are due."""
    while True:
        try:
            looked_at = await publishing.look(BATCH)
        except Exception:
            log.exception("publish_homes_failed")
            looked_at = 0
        if looked_at < BATCH:
            await asyncio.sleep(pause_seconds)
