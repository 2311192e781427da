"""Stores which visible files have to be deleted, why, and that they are deleted.

A raw file may be taken back at any time; a redacted one is deleted on request, or if unsafe.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Update, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record
from bot.recordings.deliveries.deletable_files import VISIBLE, deletable
from bot.recordings.deliveries.delivery import Delivery, event_of
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.recordings.deliveries.file_check_schedule import AHEAD
from bot.recordings.deliveries.orphaned_files import STAYS_UNSEEN_AFTER, store_orphaned
from bot.recordings.deliveries.shares import MOST_PLACES, FileShares
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.take_back.forwarded_files import ForbiddenShare
from bot.recordings.take_back.redacted_follow_ups import enqueue_follower
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import AuditEventRow, DeliveryRow


class UnverifiedFact(StrEnum):
    """A fact that Slack does not confirm; the value is the column with the time it began."""

    CONVERSATION = "unverified_since"
    SHARES = "shares_unverified_since"


class TakeBackStore:
    """Changes the rows of visible files: unverified facts, orders to delete, deletions."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def mark_unverified(self, delivery: Delivery, subject: UnverifiedFact) -> datetime:
        """Store that Slack does not confirm the fact; returns since when it has not."""
        since: datetime = getattr(delivery, subject) or self.clock()
        await self._set(delivery, subject, since)
        return since

    async def mark_verified(self, delivery: Delivery, subject: UnverifiedFact) -> None:
        """Store that Slack confirms the fact again."""
        if getattr(delivery, subject):
            await self._set(delivery, subject, None)

    async def note_places(self, delivery: Delivery, found: FileShares) -> None:
        """Store where the files were found, so that a change there has them checked at once."""
        places = [each.channel_id for each in found.places]
        if set(places) <= set(delivery.reported_channels):
            return
        async with self._database.write() as session:
            row = await session.get(DeliveryRow, delivery.id, with_for_update=True)
            if row:
                known = dict.fromkeys([*(row.reported_channels or []), *places])
                row.reported_channels = list(known)[: MOST_PLACES + 1]

    async def order_take_back(
        self, delivery: Delivery, found: ForbiddenShare, since: datetime
    ) -> bool:
        """Order the deletion of a forwarded file; returns whether this call ordered it.

        It is stored before the deletion, because the cause cannot be found out afterwards.
        """
        place = found.place
        return await self._order(
            delivery,
            update(DeliveryRow)
            .where(DeliveryRow.taken_back_cause.is_(None), *deletable())
            .values(taken_back_cause=found.cause.value, must_go_since=since),
            tag=AuditTag.FILE_PASSED_ON,
            actor_id=(place and place.shared_by) or SYSTEM_ACTOR,
            payload={
                "file_id": delivery.file_id,
                "cause": found.cause.value,
                "channel_id": place.channel_id if place else None,
                "because": found.because,
            },
        )

    async def ask_deletion(self, delivery: Delivery, user_id: str) -> bool:
        """Order the deletion that a person requested; returns whether this call ordered it."""
        return await self._order(
            delivery,
            update(DeliveryRow)
            .where(
                DeliveryRow.state.in_(VISIBLE),
                DeliveryRow.taken_back_at.is_(None),
                DeliveryRow.delete_asked_by.is_(None),
            )
            .values(delete_asked_by=user_id),
            tag=AuditTag.FILE_DELETE_ASKED,
            actor_id=user_id,
            payload={"file_id": delivery.file_id, "channel_id": delivery.channel_id},
        )

    async def _order(
        self,
        delivery: Delivery,
        change: Update,
        *,
        tag: AuditTag,
        actor_id: str,
        payload: Mapping[str, PayloadValue],
    ) -> bool:
        """Store why a file has to be deleted, and schedule it before other due work."""
        now = self.clock()
        statement = change.where(DeliveryRow.id == delivery.id).returning(DeliveryRow.id)
        async with self._database.write() as session:
            changed = await session.scalar(statement)
            if changed:
                enqueue(session, DueWorkKind.TAKE_BACK, delivery.id, now=now, due_at=now - AHEAD)
                await record(session, event_of(delivery, tag, payload, actor_id=actor_id, now=now))
        return changed is not None

    async def schedule_take_back(self, deliveries: Sequence[Delivery]) -> None:
        """Schedule the take-back of files whose retention has ended."""
        if not deliveries:
            return
        now = self.clock()
        async with self._database.write() as session:
            for each in deliveries:
                enqueue(session, DueWorkKind.TAKE_BACK, each.id, now=now)

    async def card_updated(self, delivery: Delivery, follower: Delivery | None = None) -> None:
        """Store that the card shows the deletion, and schedule the redacted delivery that follows.

        If that delivery has ended already, its outcome is put on the card again.
        """
        statement = update(DeliveryRow).where(DeliveryRow.id == delivery.id)
        async with self._database.write() as session:
            await session.execute(statement.values(recheck_at=None, shares_due_at=None))
            if follower:
                await enqueue_follower(session, follower, self.clock())

    async def store_cause(
        self, delivery: Delivery, cause: str, since: datetime, *, again_at: datetime
    ) -> None:
        """Store the cause before the deletion, because the facts may change again meanwhile."""
        if delivery.taken_back_cause:
            return
        change = update(DeliveryRow).where(
            DeliveryRow.id == delivery.id, DeliveryRow.taken_back_cause.is_(None), *deletable()
        )
        async with self._database.write() as session:
            await session.execute(change.values(taken_back_cause=cause, must_go_since=since))
            enqueue(session, DueWorkKind.TAKE_BACK, delivery.id, now=self.clock(), due_at=again_at)

    async def taken_back(
        self,
        delivery: Delivery,
        cause: str,
        *,
        since: datetime | None,
        update_card_by: datetime,
        then: Callable[[AsyncSession, Delivery, datetime], Awaitable[None]],
    ) -> Delivery | None:
        """Store the deletion with its audit event; returns the delivery if this call stored it.

        ``since``: when the cause began, unless that was stored with the cause.
        If a person requested the deletion meanwhile, that is stored as the cause. The card is
        updated again at ``update_card_by`` unless ``card_updated`` is called before, because a
        worker may stop in between. ``then`` runs in the same transaction.
        """
        now = self.clock()
        # A file that Slack has not shown yet may still appear after the deletion.
        may_appear = delivery.file_ids if delivery.share_ts is None else ()
        until = now + STAYS_UNSEEN_AFTER
        asked = DeliveryRow.delete_asked_by.is_not(None)
        ending = {
            "taken_back_at": now,
            "taken_back_cause": case((asked, TakeBackCause.ASKED.value), else_=cause),
            "recheck_at": now,
        }
        statement = update(DeliveryRow).where(DeliveryRow.id == delivery.id, *deletable())
        async with self._database.write() as session:
            row = await session.scalar(statement.values(**ending).returning(DeliveryRow))
            if row:
                await store_orphaned(session, delivery, may_appear, until=until, now=now)
                enqueue(session, DueWorkKind.TAKE_BACK, delivery.id, now=now, due_at=update_card_by)
                tag = AuditTag.FILE_DELETED if row.delete_asked_by else AuditTag.FILE_TAKEN_BACK
                actor_id = row.delete_asked_by or SYSTEM_ACTOR
                payload: dict[str, PayloadValue] = {
                    "file_id": delivery.file_id,
                    "picture_file_id": delivery.picture_file_id,
                    "channel_id": delivery.channel_id,
                    "cause": row.taken_back_cause,
                }
                if (began_at := row.must_go_since or since) and not row.delete_asked_by:
                    # It may have been ordered before the file was visible.
                    heard_from = max(began_at, row.ended_at or began_at)
                    payload["after_seconds"] = round(
                        max(0.0, (now - heard_from).total_seconds()), 1
                    )
                await record(session, event_of(delivery, tag, payload, actor_id=actor_id, now=now))
                await then(session, delivery_of(row), now)
        return delivery_of(row) if row else None

    async def record_unseen(
        self, team_id: str, delivery_id: str, payload: Mapping[str, PayloadValue]
    ) -> None:
        """Record once that the bot does not see a file that it has to delete."""
        tag, event = AuditTag.FILE_OUT_OF_REACH, AuditEventRow
        held = select(DeliveryRow.id).where(DeliveryRow.id == delivery_id).with_for_update()
        earlier = select(event.payload).where(event.delivery_id == delivery_id, event.tag == tag)
        async with self._database.write() as session:
            await session.execute(held)
            recorded = [each["file_id"] for each in await session.scalars(earlier)]
            if payload["file_id"] not in recorded:
                now = self.clock()
                unseen = AuditEvent(tag, team_id, SYSTEM_ACTOR, now, delivery_id, payload)
                await record(session, unseen)

    async def _set(
        self, delivery: Delivery, subject: UnverifiedFact, since: datetime | None
    ) -> None:
        change = update(DeliveryRow).where(DeliveryRow.id == delivery.id)
        async with self._database.write() as session:
            await session.execute(change.values({subject.value: since}))
