"""Stores a request durably and once, before Slack is acknowledged."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError

from bot.observability.logs import get_logger
from bot.recordings.requests.fair_queue import TooManyWaiting
from bot.recordings.requests.new_request import NewRequest, delivery_id_of
from bot.recordings.requests.request_writer import RequestWriter, StoredRequest
from bot.store.database import Database
from bot.store.tables import DeliveryRow

log = get_logger(__name__)

MAX_TOGETHER: Final = 50


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One request that waits to be stored, and the future of its outcome."""

    request: NewRequest
    stored: "asyncio.Future[StoredRequest]"

    def end(self, outcome: "StoredRequest | TooManyWaiting") -> None:
        """Set the outcome, unless the caller was cancelled."""
        if isinstance(outcome, TooManyWaiting):
            self.fail(outcome)
        elif not self.stored.done():
            self.stored.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Raise the error where the request is awaited."""
        if not self.stored.done():
            self.stored.set_exception(error)


class RequestStore:
    """Stores requests in batches; a worker picks them up."""

    def __init__(
        self, *, database: Database, clock: Callable[[], datetime], max_waiting: int = sys.maxsize
    ) -> None:
        self._database = database
        self._writer = RequestWriter(database=database, clock=clock, max_waiting=max_waiting)
        self._turn = asyncio.Lock()
        self._waiting: list[_Waiting] = []

    async def store(self, request: NewRequest) -> StoredRequest:
        """Store the request and its audit event; a repeated one joins the first.

        The same Slack trigger is always the same request (Slack may deliver it twice). The same
        words by the same person in the same place are the same request while the first is being
        delivered, and within ``DOUBLE_SUBMIT_WINDOW``, unless it was refused, failed or taken back
        before.

        Raises:
            TooManyWaiting: the person has the maximum of unfinished deliveries. Two processes that
                store at the same time may each allow one more.
        """
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        # Requests that arrive during one transaction are stored together in the next. In a burst
        # that keeps the answers within Slack's three seconds.
        async with self._turn:
            # Repeated if callers before this one were cancelled, because their requests go first.
            while not waiting.stored.done():
                await asyncio.shield(asyncio.ensure_future(self._store_waiting()))
        stored = await waiting.stored
        log.info("request_stored", reference=stored.delivery_id, is_repeat=stored.is_repeat)
        return stored

    async def _store_waiting(self) -> None:
        batch, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
        try:
            found = await self._writer.write([each.request for each in batch])
        except Exception:  # noqa: BLE001 - each is tried alone next, and raised there
            # One request failed the transaction of all, so each gets a transaction of its own.
            found = None
        for index, each in enumerate(batch):
            try:
                stored = (
                    found[index] if found is not None else await self._store_alone(each.request)
                )
            except Exception as error:  # noqa: BLE001 - raised where that request is awaited
                each.fail(error)
            else:
                each.end(stored)

    async def _store_alone(self, request: NewRequest) -> StoredRequest | TooManyWaiting:
        try:
            (stored,) = await self._writer.write([request])
        except IntegrityError:
            # Another process stored the same trigger a moment ago.
            delivery_id = delivery_id_of(request)
            if not await self._holds(delivery_id):
                raise
            return StoredRequest(delivery_id, is_repeat=True)
        return stored

    async def _holds(self, delivery_id: str) -> bool:
        async with self._database.read() as session:
            return await session.get(DeliveryRow, delivery_id) is not None
