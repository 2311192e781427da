"""Shows the progress of a transfer on its card, without delaying the transfer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bot.concurrency.urgency import Urgency, working
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.naming import announcement_of
from bot.recordings.deliveries.slack_port import SlackPort
from bot.recordings.transfer.exact_body import Watcher
from bot.store.failures import is_away

log = get_logger(__name__)

# The end of a transfer waits for a running update, but not for a hanging one.
LONGEST_UPDATE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class ProgressIntervals:
    """The shortest time between two updates of one card, and between updates of any two cards.

    Slack allows a bot some 50 updates a minute (docs: chat.update is of tier 3); most of them are
    reserved for the cards of finished deliveries.
    """

    one_card_seconds: float = 3.0
    all_cards_seconds: float = 2.0


@dataclass(slots=True)
class _Transfer:
    """One transfer, counted by the bytes that were sent."""

    size_bytes: int
    sent_bytes: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, piece: bytes) -> None:
        self.sent_bytes += len(piece)

    @property
    def percent(self) -> int:
        return min(99, 100 * self.sent_bytes // self.size_bytes)

    async def is_over_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.over.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Progress:
    """Shows the transfers of one process; an update that is not due is skipped."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        slack: SlackPort,
        intervals: ProgressIntervals,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries = deliveries
        self._slack = slack
        self._intervals = intervals
        self._monotonic = monotonic
        self._free_at = 0.0

    @asynccontextmanager
    async def shown(self, delivery: Delivery, size_bytes: int) -> AsyncIterator[Watcher]:
        """Show a transfer while the context is open; returns the watcher of its bytes.

        When the context is left, no update is running any more, so that none can arrive after the
        card's next content.
        """
        transfer = _Transfer(size_bytes)
        showing = asyncio.create_task(self._notify(delivery, transfer))
        try:
            yield transfer.watch
        except asyncio.CancelledError:
            showing.cancel()  # a shutdown waits for nobody
            raise
        finally:
            transfer.over.set()
            await asyncio.wait({showing})

    async def _notify(self, delivery: Delivery, transfer: _Transfer) -> None:
        shown = 0
        try:
            while not await transfer.is_over_within(self._intervals.one_card_seconds):
                percent = transfer.percent
                if percent == shown or not self._take_turn():
                    continue
                if not await self._is_wanted(delivery):
                    return
                if await self._show(delivery, percent):
                    shown = percent
        except Exception as error:
            # The store logs its own outage once a minute.
            if is_away(error):
                return
            log.exception("progress_broke")

    def _take_turn(self) -> bool:
        now = self._monotonic()
        if now < self._free_at:
            return False
        self._free_at = now + self._intervals.all_cards_seconds
        return True

    async def _is_wanted(self, delivery: Delivery) -> bool:
        """Return whether the delivery is still in this state: another worker may have gone on."""
        now = await self._deliveries.read(delivery.id)
        return now.file_id is None and not now.has_ended and now.card_ts == delivery.card_ts

    async def _show(self, delivery: Delivery, percent: int) -> bool:
        if delivery.card_ts is None:
            return False
        showing = self._slack.show_progress(delivery.card_ts, announcement_of(delivery), percent)
        try:
            with working(Urgency.PROGRESS):
                await asyncio.wait_for(showing, LONGEST_UPDATE_SECONDS)
        except TimeoutError:
            return False
        except CallAudioError as error:
            accepted_at = self._monotonic() + (error.retry_after_seconds or 0)
            self._free_at = max(self._free_at, accepted_at)
            return False
        return True
