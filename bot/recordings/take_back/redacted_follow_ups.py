"""Delivers the redacted recording automatically after a raw one was taken back.

It is an ordinary delivery: decided, checked, frozen and audited like any other, and always
redacted. It replaces the raw one on the same card.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.administration import Actor
from bot.audit.events import SYSTEM_ACTOR, AuditTag, PayloadValue
from bot.audit.log import record
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.take_back_causes import RAW_IS_NOT_ALLOWED
from bot.recordings.requests.authorization import Requester
from bot.recordings.requests.fair_queue import flow_of, read_fair_queue, requester_key
from bot.recordings.requests.new_request import NewRequest, delivery_id_of, request_event, row_of
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import DeliveryRow

SOURCE: Final = "downgrade"


class RedactedFollowUps:
    """Stores and finds the delivery that follows a raw recording after its take-back."""

    def __init__(self, *, deliveries: DeliveryStore, is_on: bool) -> None:
        self._deliveries = deliveries
        self._is_on = is_on

    async def store(self, session: AsyncSession, taken_back: Delivery, now: datetime) -> None:
        """Request the redacted recording in the transaction of a take-back, if one follows.

        It is not due yet: it starts after the card shows that the raw one is gone, so that the two
        updates of the card keep their order.
        """
        if not self._is_on or not _is_followed(taken_back):
            return
        request = _request_after(taken_back)
        delivery_id = delivery_id_of(request)
        on_the_same_card = {
            "destination_channel_id": taken_back.channel_id,
            "parent_ts": taken_back.parent_ts,
            "card_ts": taken_back.card_ts,
            "replaces_id": taken_back.id,
        }
        row = {**row_of(delivery_id, request, now), **on_the_same_card}
        await session.execute(insert(DeliveryRow), [row])
        asked = request_event(delivery_id, request, now)
        payload: Mapping[str, PayloadValue] = {
            **asked.payload,
            "replaces": taken_back.id,
            "subject_id": taken_back.user_id,
        }
        tag = AuditTag.DELIVERY_DOWNGRADED
        await record(session, replace(asked, tag=tag, actor_id=SYSTEM_ACTOR, payload=payload))

    async def follower_of(self, taken_back: Delivery) -> Delivery | None:
        """Find the delivery that follows a raw one, if any was stored."""
        return await self._deliveries.find(delivery_id_of(_request_after(taken_back)))


async def enqueue_follower(session: AsyncSession, follower: Delivery, now: datetime) -> None:
    """Enqueue the redacted delivery in a separate flow, so that it does not delay requests."""
    key = requester_key(follower.team_id, f"{follower.user_id} {SOURCE}")
    flow = flow_of(follower.team_id, SOURCE)
    queue = await read_fair_queue(await session.connection(), [key], [flow], now)
    enqueue(session, DueWorkKind.DELIVER, follower.id, now=now, turn=queue.take(key, flow))


def _is_followed(taken_back: Delivery) -> bool:
    is_wanted = taken_back.delete_asked_by is None and not taken_back.is_transcript
    return is_wanted and taken_back.taken_back_cause in RAW_IS_NOT_ALLOWED


def _request_after(taken_back: Delivery) -> NewRequest:
    """Build the request for the redacted recording; it is the same request each time."""
    return NewRequest(
        requester=Requester(
            actor=Actor(taken_back.team_id, taken_back.enterprise_id, taken_back.user_id),
            channel_id=taken_back.origin_channel_id,
            trigger_id=f"{SOURCE} {taken_back.id}",
            response_url=None,
        ),
        source=SOURCE,
        agent_name=taken_back.agent_name,
        conversation_id=taken_back.conversation_id,
        direction=taken_back.direction,
        asked_redacted=True,
        channel_id=taken_back.channel_id or taken_back.asked_channel_id,
        thread_ts=taken_back.asked_thread_ts,
    )
