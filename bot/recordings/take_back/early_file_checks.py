"""Schedules checks of visible files ahead of their schedule, after a change."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag
from bot.audit.log import record
from bot.recordings.deliveries.deletable_files import deletable
from bot.recordings.deliveries.delivery import ENDED
from bot.recordings.deliveries.delivery_store import under_way
from bot.recordings.deliveries.file_check_schedule import AHEAD, conversation_key
from bot.recordings.deliveries.shares import MOST_PLACES
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import DeliveryRow, OrphanedFileRow


class EarlyFileChecks:
    """Schedules checks of visible files; those under way are checked when they end."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def check_now(self, team_id: str, channel_id: str | None = None) -> None:
        """Handle a change in the workspace, or in one conversation: check all its raw files now.

        These checks precede all other work of their kind. The shares of each forwarded file are
        checked separately. Raw deliveries under way are checked when they end, because their last
        decision may have been taken before the change. Of these, one that waits because Slack does
        not say whether its file is visible is retried now, which decides again.
        """
        now = self._clock()
        place = DeliveryRow.destination_channel_id
        is_of_team = DeliveryRow.team_id == team_id
        is_here = place == channel_id if channel_id else true()
        is_forwarded_here = _is_forwarded(channel_id)
        holding = (
            select(case((is_here, place)), case((is_forwarded_here, DeliveryRow.id)))
            .distinct()
            .where(
                *deletable(),
                is_of_team,
                DeliveryRow.shares_due_at.is_not(None),
                or_(is_here, is_forwarded_here),
            )
        )
        under_way_here = _locked_in_order([_is_raw_under_way(), is_of_team, is_here])
        coming = update(DeliveryRow).where(under_way_here).values(recheck_at=now)
        row = DeliveryRow
        marking = coming.returning(row.id, row.share_tried_at, row.waiting_since)
        async with self._database.write() as session:
            for delivery_id, tried_at, waiting_since in (await session.execute(marking)).all():
                if tried_at and waiting_since:
                    enqueue(session, DueWorkKind.DELIVER, delivery_id, now=now)
            for channel, delivery_id in await session.execute(holding):
                if channel:
                    _check_audience(session, team_id, channel, now)
                if delivery_id:
                    _check_shares(session, delivery_id, now)

    async def check_file(self, team_id: str, file_id: str, channel_id: str | None = None) -> None:
        """Handle an event about a file: check its shares before all other files.

        ``channel_id``: where it was shared, if the event contains that; Slack may report it only
        once. A file may be visible before its delivery has ended; then it is checked at that end.
        """
        is_there = and_(*deletable(), DeliveryRow.shares_due_at.is_not(None))
        query = select(DeliveryRow).where(
            or_(is_there, _is_raw_under_way()),
            DeliveryRow.team_id == team_id,
            or_(DeliveryRow.file_id == file_id, DeliveryRow.picture_file_id == file_id),
        )
        async with self._database.read() as session:
            if await session.scalar(query) is None:
                return  # not a file of the bot, like nearly all files
        async with self._database.write() as session:
            row = await session.scalar(query.with_for_update())
            if row is None or row.destination_channel_id == channel_id:
                return
            reported = row.reported_channels or []
            if channel_id and channel_id not in reported and len(reported) <= MOST_PLACES:
                row.reported_channels = [*reported, channel_id]
            now = self._clock()
            if row.state in ENDED:
                _check_shares(session, row.id, now)
            else:
                row.recheck_at = now

    async def follow(self, team_id: str, old_channel_id: str, new_channel_id: str) -> None:
        """Handle a changed channel id, as when a channel is shared: move its deliveries to it.

        Raw deliveries under way are checked when they end, as in ``check_now``. A repeated event
        finds no delivery with the old id, and records nothing.
        """
        now = self._clock()
        row, orphan = DeliveryRow, OrphanedFileRow
        ids = (row.origin_channel_id, row.asked_channel_id, row.destination_channel_id)
        changes: dict[Any, ColumnElement[Any]] = {
            each: case((each == old_channel_id, new_channel_id), else_=each) for each in ids
        }
        changes[row.recheck_at] = case((_is_raw_under_way(), now), else_=row.recheck_at)
        has_old_id = or_(*(each == old_channel_id for each in ids), _is_forwarded(old_channel_id))
        at_old_id = update(row).where(_locked_in_order([row.team_id == team_id, has_old_id]))
        moving = at_old_id.values(changes).returning(row.id, row.reported_channels)
        orphaned = update(orphan).where(
            orphan.team_id == team_id, orphan.channel_id == old_channel_id
        )
        async with self._database.write() as session:
            moved = (await session.execute(moving)).all()
            if not moved:
                return
            await session.execute(orphaned.values(channel_id=new_channel_id))
            _check_audience(session, team_id, new_channel_id, now)
            for delivery_id, places in moved:
                if not places or old_channel_id not in places:
                    continue
                renamed = [new_channel_id if each == old_channel_id else each for each in places]
                forwarded = update(row).where(row.id == delivery_id)
                await session.execute(forwarded.values(reported_channels=renamed))
                _check_shares(session, delivery_id, now)
            moves = {"from": old_channel_id, "to": new_channel_id}
            tag = AuditTag.CHANNEL_MOVED
            await record(session, AuditEvent(tag, team_id, SYSTEM_ACTOR, now, payload=moves))


def _check_audience(session: AsyncSession, team_id: str, channel_id: str, now: datetime) -> None:
    key = conversation_key(team_id, channel_id)
    enqueue(session, DueWorkKind.CHECK_AUDIENCE, key, now=now, due_at=now - AHEAD)


def _check_shares(session: AsyncSession, delivery_id: str, now: datetime) -> None:
    enqueue(session, DueWorkKind.CHECK_SHARES, delivery_id, now=now, due_at=now - AHEAD)


def _is_forwarded(channel_id: str | None) -> ColumnElement[bool]:
    """Build the condition for files that were forwarded to this conversation; None: to any.

    The list is searched as text, which is the same on both databases.
    """
    places = cast(DeliveryRow.reported_channels, Text)
    return places.contains(f'"{channel_id}"' if channel_id else '"', autoescape=True)


def _locked_in_order(which: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Select rows by id in one lock order, so that two updates cannot deadlock."""
    ids = select(DeliveryRow.id).where(*which).order_by(DeliveryRow.id)
    return DeliveryRow.id.in_(ids.with_for_update())


def _is_raw_under_way() -> ColumnElement[bool]:
    ended = [each.value for each in ENDED]
    return and_(
        DeliveryRow.id.in_(under_way()),
        DeliveryRow.state.not_in(ended),
        DeliveryRow.outcome == Outcome.RAW.value,
    )
