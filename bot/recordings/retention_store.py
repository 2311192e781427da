"""Files that are visible and may have to go: what is known of them, and what becomes of them.

Raw ones always may; a redacted one when somebody asked to delete it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record
from bot.recordings.causes import TakeBackCause
from bot.recordings.delivery_store import DELIVER, Delivery, delivery_of, orphaned_files_of
from bot.recordings.downgrading import schedule_follower
from bot.recordings.file_checks import (
    AHEAD,
    CHECK_AUDIENCE,
    CHECK_SHARES,
    TAKE_BACK,
    conversation_key,
)
from bot.recordings.orphaned_files import STAYS_UNSEEN_AFTER, leave
from bot.recordings.shares import MOST_PLACES
from bot.recordings.shares_check import PassedOn
from bot.recordings.states import ENDED, State
from bot.store.database import Database
from bot.store.schedule import schedule
from bot.store.tables import DeliveryRow, DueWorkRow

# An unconfirmed one may come to light later.
VISIBLE = (State.DELIVERED.value, State.UNCONFIRMED.value)


class UnverifiedFact(StrEnum):
    """Of what Slack has not told, by the column that says since when."""

    CONVERSATION = "unverified_since"
    SHARES = "shares_unverified_since"


class RetentionStore:
    """Reads and changes what is known of files that are visible and may have to go."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def mark_unverified(self, delivery: Delivery, subject: UnverifiedFact) -> datetime:
        """Note that Slack does not tell; gives since when it has not."""
        since: datetime = getattr(delivery, subject) or self.clock()
        await self._set(delivery, **{subject: since})
        return since

    async def mark_verified(self, delivery: Delivery, subject: UnverifiedFact) -> None:
        """Note that Slack tells again, and that all is well."""
        if getattr(delivery, subject):
            await self._set(delivery, **{subject: None})

    async def order_take_back(self, delivery: Delivery, found: PassedOn) -> bool:
        """Store that the file has to go, with what was found; gives whether this call did.

        Stored before anything is deleted: once the file is gone, nothing tells any more why.
        """
        place = found.place
        return await self._have_it_go(
            delivery,
            update(DeliveryRow)
            .where(DeliveryRow.taken_back_cause.is_(None), *visible())
            .values(taken_back_cause=found.cause.value),
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
        """Store that somebody wants the file deleted, at once; gives whether this call did."""
        return await self._have_it_go(
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

    async def _have_it_go(
        self,
        delivery: Delivery,
        ordering: Update,
        *,
        tag: AuditTag,
        actor_id: str,
        payload: Mapping[str, PayloadValue],
    ) -> bool:
        """Store why a file has to go, and have it deleted ahead of what is merely due."""
        now = self.clock()
        statement = ordering.where(DeliveryRow.id == delivery.id).returning(DeliveryRow.id)
        async with self._database.write() as session:
            changed = await session.scalar(statement)
            if changed:
                schedule(session, TAKE_BACK, delivery.id, now=now, due_at=now - AHEAD)
                await record(session, _event(delivery, tag, actor_id, now, payload))
        return changed is not None

    async def have_taken_back(self, deliveries: Sequence[Delivery]) -> None:
        """Have files taken back whose time is over."""
        if not deliveries:
            return
        now = self.clock()
        async with self._database.write() as session:
            for each in deliveries:
                schedule(session, TAKE_BACK, each.id, now=now)

    async def card_updated(self, delivery: Delivery, follower: Delivery | None = None) -> None:
        """Note that the card says what became of the file, and have what follows it delivered.

        Where that has ended already, its own words are put on the card again.
        """
        statement = update(DeliveryRow).where(DeliveryRow.id == delivery.id)
        async with self._database.write() as session:
            await session.execute(statement.values(recheck_at=None, shares_due_at=None))
            if follower:
                await schedule_follower(session, follower, self.clock())

    async def must_go(self, delivery: Delivery, cause: str, *, again_at: datetime) -> None:
        """Store that the file has to go, before it is deleted: the facts may be others by then."""
        if delivery.taken_back_cause:
            return
        ordering = update(DeliveryRow).where(
            DeliveryRow.id == delivery.id, DeliveryRow.taken_back_cause.is_(None), *visible()
        )
        async with self._database.write() as session:
            await session.execute(ordering.values(taken_back_cause=cause))
            schedule(session, TAKE_BACK, delivery.id, now=self.clock(), due_at=again_at)

    async def taken_back(
        self,
        delivery: Delivery,
        cause: str,
        *,
        update_card_by: datetime,
        then: Callable[[AsyncSession, Delivery, datetime], Awaitable[None]],
    ) -> Delivery | None:
        """Store that the file is gone, with its audit event; gives the delivery if this call did.

        What somebody asked to delete meanwhile was deleted for them, whatever ``cause`` says.
        Without a call of ``card_updated`` the card is updated again at ``update_card_by``: a worker
        may stop in between. ``then`` runs in the same transaction.
        """
        now = self.clock()
        # What Slack never showed may come to light after it was deleted in vain.
        may_appear = delivery.file_ids if delivery.share_ts is None else ()
        until = now + STAYS_UNSEEN_AFTER
        asked = DeliveryRow.delete_asked_by.is_not(None)
        ending = {
            "taken_back_at": now,
            "taken_back_cause": case((asked, TakeBackCause.ASKED.value), else_=cause),
            "recheck_at": now,
        }
        statement = update(DeliveryRow).where(DeliveryRow.id == delivery.id, *visible())
        async with self._database.write() as session:
            row = await session.scalar(statement.values(**ending).returning(DeliveryRow))
            if row:
                await leave(session, orphaned_files_of(delivery, may_appear, until), now)
                schedule(session, TAKE_BACK, delivery.id, now=now, due_at=update_card_by)
                tag = AuditTag.FILE_DELETED if row.delete_asked_by else AuditTag.FILE_TAKEN_BACK
                actor_id = row.delete_asked_by or SYSTEM_ACTOR
                payload: dict[str, PayloadValue] = {
                    "file_id": delivery.file_id,
                    "picture_file_id": delivery.picture_file_id,
                    "channel_id": delivery.channel_id,
                    "cause": row.taken_back_cause,
                }
                await record(session, _event(delivery, tag, actor_id, now, payload))
                await then(session, delivery_of(row), now)
        return delivery_of(row) if row else None

    async def check_now(self, team_id: str, channel_id: str | None = None) -> None:
        """Something changed in the workspace, or in one conversation: look at all there is.

        These come before what is merely due, however long it has been. What is on its way raw is
        looked at as soon as it is there: its last decision may have been taken before.
        """
        now = self.clock()
        place = DeliveryRow.destination_channel_id
        here = [DeliveryRow.team_id == team_id, *([place == channel_id] if channel_id else [])]
        holding = (
            select(place)
            .distinct()
            .where(*visible(), *here, DeliveryRow.shares_due_at.is_not(None))
        )
        coming = update(DeliveryRow).where(_locked_in_order([_is_on_its_way_raw(), *here]))
        async with self._database.write() as session:
            await session.execute(coming.values(recheck_at=now))
            for each in await session.scalars(holding):
                key = conversation_key(team_id, each or "")
                schedule(session, CHECK_AUDIENCE, key, now=now, due_at=now - AHEAD)

    async def check_file(self, team_id: str, file_id: str, channel_id: str | None = None) -> None:
        """Something happened to a file: find out where it is now, before any other.

        ``channel_id``: where it was shared, if that was told; Slack may tell it this once. A file
        whose delivery is not stored as ended yet may be in Slack already: it is looked at then.
        """
        is_there = and_(*visible(), DeliveryRow.shares_due_at.is_not(None))
        query = select(DeliveryRow).where(
            or_(is_there, _is_on_its_way_raw()),
            DeliveryRow.team_id == team_id,
            or_(DeliveryRow.file_id == file_id, DeliveryRow.picture_file_id == file_id),
        )
        async with self._database.read() as session:
            if await session.scalar(query) is None:
                return  # somebody else's file, as nearly all are
        async with self._database.write() as session:
            row = await session.scalar(query.with_for_update())
            if row is None or row.destination_channel_id == channel_id:
                return
            told = row.reported_channels or []
            if channel_id and channel_id not in told and len(told) <= MOST_PLACES:
                row.reported_channels = [*told, channel_id]
            now = self.clock()
            if row.state in ENDED:
                schedule(session, CHECK_SHARES, row.id, now=now, due_at=now - AHEAD)
            else:
                row.recheck_at = now

    async def follow(self, team_id: str, old_channel_id: str, new_channel_id: str) -> None:
        """A conversation got another id, as it does when it is shared: keep hold of its files.

        Slack may tell twice; where nothing goes by the old id any more, nothing is recorded.
        """
        at_old_id = [
            DeliveryRow.team_id == team_id,
            DeliveryRow.destination_channel_id == old_channel_id,
        ]
        here = update(DeliveryRow).where(_locked_in_order(at_old_id))
        async with self._database.write() as session:
            moving = here.values(destination_channel_id=new_channel_id).returning(DeliveryRow.id)
            if not (await session.scalars(moving)).all():
                return
            now = self.clock()
            key = conversation_key(team_id, new_channel_id)
            schedule(session, CHECK_AUDIENCE, key, now=now, due_at=now - AHEAD)
            await record(
                session,
                AuditEvent(
                    tag=AuditTag.CHANNEL_MOVED,
                    team_id=team_id,
                    actor_id=SYSTEM_ACTOR,
                    occurred_at=now,
                    payload={"from": old_channel_id, "to": new_channel_id},
                ),
            )

    async def _set(self, delivery: Delivery, **values: Any) -> None:  # noqa: ANN401 - columns
        async with self._database.write() as session:
            await session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.id == delivery.id, *visible())
                .values(**values)
            )


async def record_out_of_reach(session: AsyncSession, team_id: str, now: datetime) -> int:
    """Record each raw file that Slack no longer lets the bot delete; returns their number."""
    visible_here = select(DeliveryRow).where(DeliveryRow.team_id == team_id, *visible())
    files = [delivery_of(row) for row in await session.scalars(visible_here)]
    for each in files:
        payload = {"file_id": each.file_id, "channel_id": each.channel_id}
        tag = AuditTag.FILE_OUT_OF_REACH
        await record(session, _event(each, tag, SYSTEM_ACTOR, now, payload))
    return len(files)


def _event(
    delivery: Delivery,
    tag: AuditTag,
    actor_id: str,
    now: datetime,
    payload: Mapping[str, PayloadValue],
) -> AuditEvent:
    return AuditEvent(
        tag=tag,
        team_id=delivery.team_id,
        actor_id=actor_id,
        occurred_at=now,
        delivery_id=delivery.id,
        payload=payload,
    )


def _locked_in_order(which: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Spell the rows of an update of several, locked in the order in which everybody locks them."""
    ids = select(DeliveryRow.id).where(*which).order_by(DeliveryRow.id)
    return DeliveryRow.id.in_(ids.with_for_update())


def _is_on_its_way_raw() -> ColumnElement[bool]:
    """Spell it by way of the work under way, which is little among all there ever was."""
    ended = [each.value for each in ENDED]
    under_way = select(DueWorkRow.key).where(DueWorkRow.kind == DELIVER)
    return and_(
        DeliveryRow.id.in_(under_way),
        DeliveryRow.state.not_in(ended),
        DeliveryRow.outcome == Outcome.RAW.value,
    )


def visible() -> tuple[ColumnElement[bool], ...]:
    """Spell which files are there, as far as is known, and may have to go."""
    # A failed delivery is looked at only where its file could not be deleted at its end.
    left = and_(DeliveryRow.state == State.FAILED.value, DeliveryRow.recheck_at.is_not(None))
    return (
        or_(DeliveryRow.state.in_(VISIBLE), left),
        or_(DeliveryRow.outcome == Outcome.RAW.value, DeliveryRow.delete_asked_by.is_not(None)),
        DeliveryRow.taken_back_at.is_(None),
    )
