"""Has visible files checked again, ahead of their time, when Slack says that something changed."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Text, and_, case, cast, or_, select, true, update

from bot.access.policy import Outcome
from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag
from bot.audit.log import record
from bot.recordings.delivery_store import under_way
from bot.recordings.file_checks import AHEAD, CHECK_AUDIENCE, CHECK_SHARES, conversation_key
from bot.recordings.shares import MOST_PLACES
from bot.recordings.states import ENDED
from bot.recordings.visible_files import visible
from bot.store.database import Database
from bot.store.schedule import schedule
from bot.store.tables import DeliveryRow


class Rechecks:
    """Schedules checks of what is visible, and notes what is on its way, to be checked after."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def check_now(self, team_id: str, channel_id: str | None = None) -> None:
        """Something changed in the workspace, or in one conversation: look at all there is.

        These come before what is merely due, however long it has been. A file that was passed on
        is looked at by itself. What is on its way raw is looked at as soon as it is there: its last
        decision may have been taken before.
        """
        now = self._clock()
        place = DeliveryRow.destination_channel_id
        is_of_team = DeliveryRow.team_id == team_id
        is_here = place == channel_id if channel_id else true()
        is_passed_on_here = _is_passed_on(channel_id)
        holding = (
            select(case((is_here, place)), case((is_passed_on_here, DeliveryRow.id)))
            .distinct()
            .where(
                *visible(),
                is_of_team,
                DeliveryRow.shares_due_at.is_not(None),
                or_(is_here, is_passed_on_here),
            )
        )
        on_its_way = _locked_in_order([_is_on_its_way_raw(), is_of_team, is_here])
        coming = update(DeliveryRow).where(on_its_way)
        async with self._database.write() as session:
            await session.execute(coming.values(recheck_at=now))
            for channel, delivery_id in await session.execute(holding):
                if channel:
                    key = conversation_key(team_id, channel)
                    schedule(session, CHECK_AUDIENCE, key, now=now, due_at=now - AHEAD)
                if delivery_id:
                    schedule(session, CHECK_SHARES, delivery_id, now=now, due_at=now - AHEAD)

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
            now = self._clock()
            if row.state in ENDED:
                schedule(session, CHECK_SHARES, row.id, now=now, due_at=now - AHEAD)
            else:
                row.recheck_at = now

    async def follow(self, team_id: str, old_channel_id: str, new_channel_id: str) -> None:
        """A conversation got another id, as it does when it is shared: keep hold of its files.

        Slack may tell twice; where nothing goes by the old id any more, nothing is recorded.
        """
        is_there = DeliveryRow.destination_channel_id == old_channel_id
        at_old_id = [DeliveryRow.team_id == team_id, or_(is_there, _is_passed_on(old_channel_id))]
        here = update(DeliveryRow).where(_locked_in_order(at_old_id))
        moving = here.values(
            destination_channel_id=case(
                (is_there, new_channel_id), else_=DeliveryRow.destination_channel_id
            )
        ).returning(DeliveryRow.id, DeliveryRow.reported_channels)
        async with self._database.write() as session:
            moved = (await session.execute(moving)).all()
            if not moved:
                return
            now = self._clock()
            key = conversation_key(team_id, new_channel_id)
            schedule(session, CHECK_AUDIENCE, key, now=now, due_at=now - AHEAD)
            for delivery_id, places in moved:
                if not places or old_channel_id not in places:
                    continue
                row = update(DeliveryRow).where(DeliveryRow.id == delivery_id)
                renamed = [new_channel_id if each == old_channel_id else each for each in places]
                await session.execute(row.values(reported_channels=renamed))
                schedule(session, CHECK_SHARES, delivery_id, now=now, due_at=now - AHEAD)
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


def _is_passed_on(channel_id: str | None) -> ColumnElement[bool]:
    """Build the condition for files that were passed on to this conversation, or to any.

    The list is searched as text, which both databases write the same.
    """
    places = cast(DeliveryRow.reported_channels, Text)
    return places.contains(f'"{channel_id}"' if channel_id else '"', autoescape=True)


def _locked_in_order(which: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Select rows by id in one lock order, so that two updates cannot deadlock."""
    ids = select(DeliveryRow.id).where(*which).order_by(DeliveryRow.id)
    return DeliveryRow.id.in_(ids.with_for_update())


def _is_on_its_way_raw() -> ColumnElement[bool]:
    ended = [each.value for each in ENDED]
    return and_(
        DeliveryRow.id.in_(under_way()),
        DeliveryRow.state.not_in(ended),
        DeliveryRow.outcome == Outcome.RAW.value,
    )
