"""Notifies the requester of the end of a delivery, with retries until Slack accepts it."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.access.directory import is_direct_message
from bot.access.policy import Reason
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.calls import CallReader
from bot.recordings.deliveries.delivery import Delivery, Problem, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.naming import announcement_of, private_note_of
from bot.recordings.deliveries.slack_files import delete_files
from bot.recordings.deliveries.slack_port import (
    Delivered,
    PrivateNote,
    PrivateNoteKind,
    SlackPort,
    TakenBack,
)

log = get_logger(__name__)

NOTIFY_FOR: Final = timedelta(days=1)
"""After this the outcome is shown in App Home only, and an event records that."""
FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
NOTIFY_WAITING_FROM_TRY: Final = 2
"""The requester is not notified of a fault that lasts only some seconds."""

# Why a delivery is redacted, where the requester did not ask for that themselves.
REASONS_TO_NOTIFY = frozenset(reason.value for reason in Reason) - {Reason.ASKED, Reason.CLEARED}


class Notification:
    """Shows the end of a delivery on its card, and sends the requester a private note if needed."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        slack: SlackPort,
        calls: CallReader,
        agents: Mapping[str, Agent],
        keep_raw: timedelta | None,
        audience_must_be_cleared: bool,
        first_wait: timedelta,
    ) -> None:
        self._deliveries = deliveries
        self._slack = slack
        self._calls = calls
        self._agents = agents
        self._keep_raw = keep_raw
        self._audience_must_be_cleared = audience_must_be_cleared
        self._first_wait = first_wait
        self._unstored: set[str] = set()
        """Notes that this process sent and could not store, because the database was away."""

    async def notify_end(self, delivery_id: str) -> datetime | None:
        """Send what was not sent yet; returns when to try again, or None if all is sent.

        May run twice: the card is updated again, and a note that Slack accepted is not repeated.
        """
        delivery = await self._deliveries.read(delivery_id)
        if not delivery.has_ended:
            return None
        if delivery.state is State.FAILED and delivery.share_tried_at:
            # The take-back deletes them too, but later.
            await _attempt(delete_files(self._slack, delivery.file_ids))
        card_error = await _attempt(self._put_on_card(delivery))
        note = _note_of(delivery)
        note_error = None
        if note and delivery.notified_at is None:
            note_error = await _attempt(self._send(note))
            if note_error is None and card_error:
                await self._deliveries.note_notified(delivery, is_all=False)
        for error in (note_error, card_error):
            again_at = self._again_at(error, delivery) if error else None
            if again_at:
                return again_at
        if note_error:
            await self.give_up(delivery_id, note_error.code)
        elif note or delivery.notified_at is None:
            await self._deliveries.note_notified(delivery, is_all=True)
        self._forget(delivery_id)
        return None

    async def give_up(self, delivery_id: str, code: str) -> None:
        """Stop notifying, with an audit event unless the requester was notified."""
        delivery = await self._deliveries.read(delivery_id)
        note = _note_of(delivery)
        payload = {"code": code, "kind": note.kind.value if note else None}
        await self._deliveries.note_notify_failed(delivery, payload)

    async def notify_waiting(self, delivery_id: str, problem: Problem, tries: int) -> None:
        """Notify once that a delivery waits for a service: on its card, or in a private note.

        If Slack does not accept that either, a later try repeats it.
        """
        delivery = await self._deliveries.read(delivery_id)
        is_notified = (
            delivery.waiting_notified_at is None
            and tries >= NOTIFY_WAITING_FROM_TRY
            and await _attempt(self._say_waiting(delivery, problem)) is None
        )
        if is_notified or delivery.waiting_since is None:
            await self._deliveries.note_waiting(delivery, is_notified=is_notified)
            self._forget(delivery_id)

    async def _say_waiting(self, delivery: Delivery, problem: Problem) -> None:
        if delivery.card_ts:
            card = announcement_of(delivery)
            await self._slack.show_waiting(delivery.card_ts, card, problem.what)
        else:
            await self._send(private_note_of(delivery, PrivateNoteKind.WAITING, problem))

    async def _send(self, note: PrivateNote) -> None:
        """Send a note, unless this process already did and could not store it."""
        if (key := f"{note.delivery_id} {note.kind.value}") not in self._unstored:
            await self._slack.notify(note)
            self._unstored.add(key)

    def _forget(self, delivery_id: str) -> None:
        self._unstored = {key for key in self._unstored if not key.startswith(delivery_id)}

    async def _put_on_card(self, delivery: Delivery) -> None:
        if delivery.state in (State.DELIVERED, State.UNCONFIRMED):
            await self._show(delivery)
        elif delivery.card_ts and delivery.channel_id:
            replaced = await self._replaced_by(delivery)
            if replaced:
                # Its card stays, and offers the redacted recording that could not follow.
                gone = TakenBack(announcement_of(replaced), str(replaced.taken_back_cause))
                await self._slack.show_taken_back(delivery.card_ts, gone)
            else:
                await self._slack.withdraw(delivery.channel_id, delivery.card_ts)

    async def _replaced_by(self, delivery: Delivery) -> Delivery | None:
        """Read the delivery that this one replaces, if it follows a take-back."""
        return await self._deliveries.read(delivery.replaces_id) if delivery.replaces_id else None

    async def _show(self, delivery: Delivery) -> None:
        if delivery.card_ts is None or delivery.taken_back_at:
            return
        is_follow_up = delivery.is_transcript or await self._deliveries.call_is_shown(delivery)
        agent = None if is_follow_up else self._agents.get(delivery.agent_name)
        replaced = await self._replaced_by(delivery)
        delivered = Delivered(
            announcement=announcement_of(delivery),
            outcome=str(delivery.outcome),
            reason=str(delivery.reason),
            direction=delivery.direction,
            size_bytes=delivery.size_bytes or 0,
            length_seconds=delivery.length_seconds,
            encoding=delivery.encoding,
            call=await self._calls.known(agent, delivery.conversation_id) if agent else None,
            deleted_at=self._deletion_of(delivery),
            is_follow_up=is_follow_up,
            is_confirmed=delivery.state is State.DELIVERED,
            muted=delivery.muted,
            has_picture=delivery.picture_file_id is not None,
            is_public=delivery.destination_is_private is False,
            is_for_all_here=self._is_for_all_in_its_conversation(delivery),
            replaced_because=replaced.taken_back_cause if replaced else None,
        )
        try:
            await self._slack.show_delivered(delivery.card_ts, delivered)
        finally:
            if (await self._deliveries.read(delivery.id)).taken_back_at:
                # It was taken back meanwhile; the card may have shown that before this update.
                await self._deliveries.enqueue_take_back(delivery.id)

    def _is_for_all_in_its_conversation(self, delivery: Delivery) -> bool:
        is_own_dm = is_direct_message(delivery.channel_id or "")
        is_for_all = self._audience_must_be_cleared or delivery.is_transcript
        return delivery.is_raw and is_for_all and not is_own_dm

    def _deletion_of(self, delivery: Delivery) -> datetime | None:
        if not delivery.is_raw or self._keep_raw is None or delivery.ended_at is None:
            return None
        return delivery.ended_at + self._keep_raw

    def _again_at(self, error: CallAudioError, delivery: Delivery) -> datetime | None:
        """Return when to try again: the wait grows with the time since the first try."""
        now = self._deliveries.clock()
        tried_for = now - (delivery.ended_at or now)
        if not error.retryable or tried_for >= NOTIFY_FOR:
            return None
        wait = min(max(tried_for, self._first_wait), LONGEST_WAIT)
        return now + max(wait, timedelta(seconds=error.retry_after_seconds or 0))


def _note_of(delivery: Delivery) -> PrivateNote | None:
    """Build the private note about the end, with what the card does not show."""
    if delivery.replaces_id:
        return None  # nobody requested it, and the card shows everything
    if delivery.state is State.UNCONFIRMED:
        return private_note_of(delivery, PrivateNoteKind.UNCONFIRMED)
    if delivery.state is State.REFUSED:
        return private_note_of(delivery, PrivateNoteKind.REFUSED)
    if delivery.state is State.FAILED:
        return private_note_of(delivery, PrivateNoteKind.FAILED, delivery.problem)
    if delivery.reason in REASONS_TO_NOTIFY:
        return private_note_of(delivery, PrivateNoteKind.REDACTED)
    return None


def is_card_enough(state: State, delivery: Delivery) -> bool:
    """Return whether the card shows everything about such an end, so that no note follows."""
    return _note_of(replace(delivery, state=state)) is None


async def _attempt(call: Awaitable[None]) -> CallAudioError | None:
    """Run a step whose failure does not change the delivery; returns the logged error."""
    try:
        await call
    except CallAudioError as error:
        log.warning("notification_failed", code=error.code)
        return error
    return None
