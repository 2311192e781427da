"""Hands stored requests to the job engine: the request's row is the outbox."""

import asyncio
from typing import Final

from bot.jobs.engine import DELIVERIES, Engine
from bot.logs import get_logger
from bot.recordings.record import DeliveryLog

log = get_logger(__name__)

LOOK_AGAIN_SECONDS: Final = 0.25
BATCH: Final = 50


class Dispatcher:
    """Watches for stored requests; woken at once by one of its own process.

    The listener stores one row and acks; that row alone survives a crash between the two. Handing
    the same request over twice, here or in another worker, is one workflow to the engine.
    """

    def __init__(self, *, deliveries: DeliveryLog, engine: Engine) -> None:
        self._deliveries = deliveries
        self._engine = engine
        self._stored = asyncio.Event()

    def wake(self) -> None:
        """Look now: something was stored in this process."""
        self._stored.set()

    async def run(self) -> None:
        """Dispatch until cancelled; a database that is away for a while is asked again."""
        while True:
            try:
                more = await self.dispatch()
            except Exception:
                log.exception("dispatch_failed")
                more = False
            if more:
                continue
            try:
                await asyncio.wait_for(self._stored.wait(), LOOK_AGAIN_SECONDS)
            except TimeoutError:
                continue
            finally:
                self._stored.clear()

    async def dispatch(self) -> bool:
        """Hand over one batch, oldest first; tells whether there may be more."""
        delivery_ids = await self._deliveries.undispatched(BATCH)
        for delivery_id in delivery_ids:
            await self._engine.enqueue(DELIVERIES, delivery_id)
        if delivery_ids:
            await self._deliveries.mark_dispatched(delivery_ids)
        return len(delivery_ids) == BATCH
