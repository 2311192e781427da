"""Posts the card of a delivery, or finds the card of an earlier run."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from bot.access.directory import Conversation
from bot.audit.events import AuditTag
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.destination import Destinations
from bot.recordings.deliveries.naming import announcement_of, destination_of
from bot.recordings.deliveries.slack_port import SlackPort


class Announcing:
    """Posts one card for each delivery."""

    def __init__(
        self, *, deliveries: DeliveryStore, destinations: Destinations, slack: SlackPort
    ) -> None:
        self._deliveries = deliveries
        self._destinations = destinations
        self._slack = slack

    async def announce(self, delivery: Delivery, conversation: Conversation | None) -> str:
        """Post the card, or find the card of an earlier run; returns its ts.

        The card is the parent of a new thread, or a reply in the thread of the request. Without the
        history scope the bot cannot see whether an earlier run posted it before it was killed; then
        a second card may appear.
        """
        channel_id = destination_of(delivery)
        if delivery.card_ts:
            return delivery.card_ts
        await self._destinations.enter(channel_id, conversation)
        ts = None
        if delivery.announce_tried_at:
            ts = await self._slack.find_announcement(
                announcement_of(delivery), delivery.announce_tried_at
            )
        if ts is None:
            await self._deliveries.change(
                delivery,
                {"announce_tried_at": self._deliveries.clock()},
                when={"announce_tried_at": None},
            )
        # A cancellation in between would leave a card that no row knows.
        return await _uninterrupted(self._post_card(delivery, ts))

    async def _post_card(self, delivery: Delivery, found_ts: str | None) -> str:
        ts = found_ts or await self._slack.announce(announcement_of(delivery))
        channel_id = destination_of(delivery)
        stored = await self._deliveries.change(
            delivery,
            {
                "card_ts": ts,
                "parent_ts": delivery.asked_thread_ts or ts,
                "state": State.ANNOUNCED.value,
            },
            tag=AuditTag.DELIVERY_ANNOUNCED,
            payload={"channel_id": channel_id, "ts": ts},
            when={"card_ts": None},
        )
        if stored:
            return ts
        # Another worker was faster: its announcement counts.
        kept = (await self._deliveries.read(delivery.id)).card_ts
        if ts != kept:
            await self._slack.withdraw(channel_id, ts)
        return kept or ts


async def _uninterrupted(work: Coroutine[Any, Any, str]) -> str:
    """Run ``work`` to its end; a cancellation in the meantime is raised afterwards."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # marked as retrieved, because the caller was cancelled
        raise
