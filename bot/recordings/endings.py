"""Step 8 and the other ends of a delivery: seen, refused, or failed, each stored once and told."""

from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta

from bot.access.policy import Outcome, Reason
from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.calls import CallReader
from bot.recordings.naming import announcement_of
from bot.recordings.posting import (
    Delivered,
    NoteKind,
    Posting,
    PrivateNote,
    Problem,
    delete_files,
)
from bot.recordings.record import Delivery, DeliveryLog
from bot.recordings.sharing import ShareResult, Sharing
from bot.recordings.states import State

log = get_logger(__name__)

# Why a delivery is redacted, where the requester did not ask for that themselves.
TOLD_REASONS = frozenset(reason.value for reason in Reason) - {Reason.ASKED, Reason.CLEARED}


class Endings:
    """Ends deliveries: first the store and its audit event, then what people see of it."""

    def __init__(
        self,
        *,
        deliveries: DeliveryLog,
        sharing: Sharing,
        posting: Posting,
        calls: CallReader,
        agents: Mapping[str, Agent],
        metrics: Metrics,
        keep_raw: timedelta | None,
    ) -> None:
        self._deliveries = deliveries
        self._sharing = sharing
        self._posting = posting
        self._calls = calls
        self._agents = agents
        self._metrics = metrics
        self._keep_raw = keep_raw

    async def confirm(self, delivery_id: str) -> str:
        """Step 8: see that the file is visible, and store the end; or drop it, see ``UNSHOWN``."""
        delivery = await self._deliveries.read(delivery_id)
        if delivery.has_ended:
            return delivery.state.value
        share_ts = await self._sharing.find(delivery)
        if share_ts is None and await self._sharing.drop_unshown(delivery):
            return ShareResult.UNSHOWN.value
        state = State.DELIVERED if share_ts else State.UNCONFIRMED
        tag = AuditTag.DELIVERY_DELIVERED if share_ts else AuditTag.DELIVERY_UNCONFIRMED
        if await self._deliveries.end(
            delivery,
            state,
            tag=tag,
            payload={
                "outcome": delivery.outcome,
                "reason": delivery.reason,
                "conversation_id": delivery.conversation_id,
                "channel_id": delivery.channel_id,
                "thread_ts": delivery.parent_ts,
                "file_id": delivery.file_id,
                "size_bytes": delivery.size_bytes,
            },
            changes={
                "share_ts": share_ts,
                "recheck_at": self._deliveries.clock() if delivery.is_raw else None,
            },
        ):
            self._count(delivery, str(delivery.outcome), str(delivery.reason))
        return state.value

    async def tell(self, delivery_id: str) -> str:
        """After the end: facts on the card, and what the requester should know."""
        delivery = await self._deliveries.read(delivery_id)
        if delivery.state is State.UNCONFIRMED:
            await self._show(delivery)
            await self._note(delivery, NoteKind.UNCONFIRMED)
        if delivery.state is State.DELIVERED:
            await self._show(delivery)
            if delivery.reason in TOLD_REASONS:
                await self._note(delivery, NoteKind.REDACTED)
        if delivery.state is State.REFUSED:
            await self._withdraw(delivery)
            await self._note(delivery, NoteKind.REFUSED)
        await self._deliveries.forget_response_url(delivery_id)
        return delivery.state.value

    async def refuse(self, delivery_id: str) -> str:
        """End a delivery that the decision refused."""
        delivery = await self._deliveries.read(delivery_id)
        if await self._deliveries.end(
            delivery,
            State.REFUSED,
            tag=AuditTag.DELIVERY_REFUSED,
            payload={"reason": delivery.reason, "conversation_id": delivery.conversation_id},
        ):
            self._count(delivery, Outcome.REFUSED.value, str(delivery.reason))
        return State.REFUSED.value

    async def fail(self, delivery_id: str, problem: Problem) -> str:
        """End a delivery that cannot be finished: nothing half-done stays, and people are told."""
        delivery = await self._deliveries.read(delivery_id)
        if await self._deliveries.end(
            delivery,
            State.FAILED,
            tag=AuditTag.DELIVERY_FAILED,
            payload={
                "code": problem.code,
                "conversation_id": delivery.conversation_id,
                "correlation_id": problem.correlation_id,
                "file_id": delivery.file_id,
            },
            changes={"error_code": problem.code},
            # A share whose answer was lost may come to light after the deletion below.
            leaves_files=delivery.share_tried_at is not None,
        ):
            self._count(delivery, State.FAILED.value, problem.code)
            self._metrics.errors.labels(code=problem.code).inc()
        elif delivery.state is not State.FAILED:
            return delivery.state.value
        if delivery.share_tried_at and delivery.file_id:
            await _quietly(delete_files(self._posting, delivery.file_ids), "delete_files")
        await self._withdraw(delivery)
        await self._note(delivery, NoteKind.FAILED, problem)
        await self._deliveries.forget_response_url(delivery_id)
        return State.FAILED.value

    async def _show(self, delivery: Delivery) -> None:
        if delivery.card_ts is None or delivery.taken_back_at:
            return
        is_follow_up = delivery.is_transcript or await self._deliveries.call_is_shown(delivery)
        agent = None if is_follow_up else self._agents.get(delivery.agent_name)
        delivered = Delivered(
            announcement=announcement_of(delivery),
            outcome=str(delivery.outcome),
            reason=str(delivery.reason),
            direction=delivery.direction,
            size_bytes=delivery.size_bytes or 0,
            length_seconds=delivery.length_seconds,
            encoding=delivery.encoding,
            call=await self._calls.read(agent, delivery.conversation_id) if agent else None,
            deleted_at=self._deletion_of(delivery),
            is_follow_up=is_follow_up,
            is_confirmed=delivery.state is State.DELIVERED,
            muted=delivery.muted,
            has_picture=delivery.picture_file_id is not None,
            is_public=delivery.destination_is_private is False,
        )
        await _quietly(self._posting.show_delivered(delivery.card_ts, delivered), "show_delivered")
        if (await self._deliveries.read(delivery.id)).taken_back_at:
            # In that very moment; what the card has to say of it may have come first.
            await self._deliveries.leave_to_retention(delivery.id)

    def _deletion_of(self, delivery: Delivery) -> datetime | None:
        if not delivery.is_raw or self._keep_raw is None or delivery.ended_at is None:
            return None
        return delivery.ended_at + self._keep_raw

    async def _withdraw(self, delivery: Delivery) -> None:
        if delivery.card_ts and delivery.channel_id:
            taken_back = self._posting.withdraw(delivery.channel_id, delivery.card_ts)
            await _quietly(taken_back, "withdraw")

    async def _note(
        self, delivery: Delivery, kind: NoteKind, problem: Problem | None = None
    ) -> None:
        note = PrivateNote(
            kind=kind,
            delivery_id=delivery.id,
            user_id=delivery.user_id,
            channel_id=delivery.origin_channel_id,
            conversation_id=delivery.conversation_id,
            response_url=delivery.response_url,
            reason=delivery.reason,
            problem=problem,
            delivery_kind=delivery.kind,
            is_public=delivery.destination_is_private is False,
        )
        await _quietly(self._posting.tell(note), "tell")

    def _count(self, delivery: Delivery, outcome: str, reason: str) -> None:
        self._metrics.deliveries.labels(outcome=outcome, reason=reason).inc()
        taken = self._deliveries.clock() - delivery.requested_at
        self._metrics.delivery_seconds.observe(taken.total_seconds())


async def _quietly(call: Awaitable[None], action: str) -> bool:
    """Do what is not worth failing an ended delivery for; its failure is logged, and told."""
    try:
        await call
    except CallAudioError as error:
        log.warning("after_end_failed", action=action, code=error.code)
        return False
    return True
