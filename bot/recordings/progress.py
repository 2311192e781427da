"""Says on the card of a recording how far its transfer has come; never in the transfer's way."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bot.concurrency.urgency import Urgency, working
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.delivery import Delivery
from bot.recordings.delivery_store import DeliveryStore
from bot.recordings.exact_body import Watcher
from bot.recordings.naming import announcement_of
from bot.recordings.slack_port import SlackPort
from bot.store.failures import is_away

log = get_logger(__name__)

# The end of a transfer waits for an update under way, but not for one that hangs.
LONGEST_UPDATE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class ProgressPace:
    """How often one card changes, and how far apart the changes of all cards are, in seconds.

    Slack allows a bot some 50 updates a minute (docs: chat.update is of tier 3); most of them are
    left to the cards of what has arrived.
    """

    every_seconds: float = 3.0
    apart_seconds: float = 2.0


@dataclass(slots=True)
class _Transfer:
    """One recording on its way, counted as it leaves."""

    size_bytes: int
    sent_bytes: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, piece: bytes) -> None:
        self.sent_bytes += len(piece)

    @property
    def percent(self) -> int:
        return min(99, 100 * self.sent_bytes // max(1, self.size_bytes))

    async def is_over_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.over.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Progress:
    """Tells of the transfers of one process; where it is not a card's turn, it is passed over."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        slack: SlackPort,
        pace: ProgressPace,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries = deliveries
        self._slack = slack
        self._pace = pace
        self._monotonic = monotonic
        self._free_at = 0.0

    @asynccontextmanager
    async def shown(self, delivery: Delivery, size_bytes: int) -> AsyncIterator[Watcher]:
        """Tell of a transfer while the context lasts; gives what is to see its bytes.

        Once the context is left no update is under way any more, so that none can come after what
        the card says next.
        """
        transfer = _Transfer(size_bytes)
        telling = asyncio.create_task(self._notify(delivery, transfer))
        try:
            yield transfer.watch
        except asyncio.CancelledError:
            telling.cancel()  # a shutdown waits for nobody
            raise
        finally:
            transfer.over.set()
            await asyncio.wait({telling})

    async def _notify(self, delivery: Delivery, transfer: _Transfer) -> None:
        shown = 0
        try:
            while not await transfer.is_over_within(self._pace.every_seconds):
                percent = transfer.percent
                if percent == shown or not self._take_turn():
                    continue
                if not await self._is_wanted(delivery):
                    return
                if await self._show(delivery, percent):
                    shown = percent
        except Exception as error:
            # An outage of the store is told once a minute, by itself.
            if is_away(error):
                return
            log.exception("progress_broke", delivery_id=delivery.id)

    def _take_turn(self) -> bool:
        now = self._monotonic()
        if now < self._free_at:
            return False
        self._free_at = now + self._pace.apart_seconds
        return True

    async def _is_wanted(self, delivery: Delivery) -> bool:
        """Tell whether nobody has come further with it: a worker may have stood still meanwhile."""
        now = await self._deliveries.read(delivery.id)
        return now.file_id is None and not now.has_ended and now.card_ts == delivery.card_ts

    async def _show(self, delivery: Delivery, percent: int) -> bool:
        if delivery.card_ts is None:
            return False
        showing = self._slack.show_progress(delivery.card_ts, announcement_of(delivery), percent)
        try:
            with working(Urgency.PROGRESS):
                await asyncio.wait_for(showing, LONGEST_UPDATE_SECONDS)
        except CallAudioError as error:
            log.info("progress_unsaid", delivery_id=delivery.id, code=error.code)
            welcome_at = self._monotonic() + (error.retry_after_seconds or 0)
            self._free_at = max(self._free_at, welcome_at)
        except TimeoutError:
            log.info("progress_unsaid", delivery_id=delivery.id, code="timeout")
        else:
            return True
        return False
