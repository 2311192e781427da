"""Which visible files are due to be looked at: the most urgent first.

Who can hear the files of a conversation is asked for all of them at once; where a file is besides,
for each by itself, and at a pace, as it costs calls that deliveries need as well.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, not_, or_, select, update

from bot.recordings.raw_files import AHEAD, visible
from bot.recordings.record import Delivery, delivery_of
from bot.recordings.states import State
from bot.store.database import Database
from bot.store.tables import DeliveryRow

# Slack allows about a hundred `files.info` a minute, and each delivery needs a few. A recording
# with its picture is two calls, so this leaves deliveries more than half. Workers look once a
# second, which makes it twenty.
SHARES_A_ROUND: Final = 24
# One of so many goes to the newest file that was not asked after in this round, as people pass on
# what they have just heard; the others go around.
NEWEST_EVERY: Final = 4


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long raw files stay, and how often each is looked at."""

    keep: timedelta | None
    """None: for ever, as far as time goes."""
    look_every: timedelta

    @property
    def shares_every(self) -> timedelta:
        """How long, over all workers, from one file whose shares are asked for to the next."""
        return self.look_every / SHARES_A_ROUND


class DueFiles:
    """Hands out files to be looked at, each to one worker at a time."""

    def __init__(
        self, *, database: Database, clock: Callable[[], datetime], rhythm: Rhythm
    ) -> None:
        self._database = database
        self._clock = clock
        self.rhythm = rhythm
        self._asked_in_turn = 0

    async def claim(self, except_in: Collection[str] = ()) -> list[Delivery]:
        """Take the file that has been due the longest; each taken is due again after a while.

        Where it depends on the conversation whether it may stay, all the files there come with it
        that are due within half that while, so that one look does for all of them; such files are
        not taken out of the conversations ``except_in``.

        The claim is what makes a look that never ends harmless: another follows.
        """
        now = self._clock()
        errand = self._errand(now)
        elsewhere = DeliveryRow.destination_channel_id.not_in(except_in)
        columns = (DeliveryRow.id, DeliveryRow.team_id, DeliveryRow.destination_channel_id)
        due = (
            select(*columns, errand.label("is_errand"))
            .where(_wanted(), DeliveryRow.recheck_at <= now, or_(errand, elsewhere))
            .order_by(DeliveryRow.recheck_at)
            .limit(1)
        )
        async with self._database.write() as session:
            first = (await session.execute(due)).first()
            if first is None:
                return []
            which = [DeliveryRow.id == first.id, DeliveryRow.recheck_at <= now]
            if not first.is_errand:
                # Not up to the next round: what another worker has just taken is due then.
                soon = now + self.rhythm.look_every / 2
                which = [
                    not_(errand),
                    DeliveryRow.team_id == first.team_id,
                    DeliveryRow.destination_channel_id == first.destination_channel_id,
                    DeliveryRow.recheck_at <= soon,
                ]
            free = select(DeliveryRow.id).where(_wanted(), *which)
            claimed = DeliveryRow.id.in_(free.with_for_update(skip_locked=True))
            statement = update(DeliveryRow).where(claimed)
            statement = statement.values(recheck_at=now + self.rhythm.look_every)
            rows = await session.scalars(statement.returning(DeliveryRow))
            return [delivery_of(row) for row in rows]

    async def claim_for_shares(self) -> Delivery | None:
        """Take a file to ask where it is, if it is time for one; it is due again in the next round.

        What an event is about comes at once. Otherwise one file follows another at a pace that all
        workers share: one in doubt first, else the one that was asked after the longest ago, and
        now and then the newest.
        """
        now, round_ = self._clock(), self.rhythm.look_every
        due_at = DeliveryRow.shares_due_at
        is_urgent = due_at <= now - AHEAD
        just_asked = exists().where(due_at > now + round_ - self.rhythm.shares_every)
        is_newest_s_turn = self._asked_in_turn >= NEWEST_EVERY - 1
        order = DeliveryRow.ended_at.desc() if is_newest_s_turn else due_at
        due = (
            select(DeliveryRow.id)
            .where(*visible(), DeliveryRow.taken_back_cause.is_(None))
            .where(due_at <= now, or_(is_urgent, not_(just_asked)))
            .order_by(not_(is_urgent), DeliveryRow.shares_doubted_since.is_(None), order)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        statement = update(DeliveryRow).where(DeliveryRow.id.in_(due))
        statement = statement.values(shares_due_at=now + round_).returning(DeliveryRow)
        async with self._database.write() as session:
            row = await session.scalar(statement)
        if row is None:
            return None
        self._asked_in_turn = 0 if is_newest_s_turn else self._asked_in_turn + 1
        return delivery_of(row)

    def is_over(self, delivery: Delivery) -> bool:
        """Tell whether the time of a raw file is over."""
        keep, ended_at = self.rhythm.keep, delivery.ended_at
        return keep is not None and ended_at is not None and self._clock() - ended_at >= keep

    def _errand(self, now: datetime) -> ColumnElement[bool]:
        """Spell which files have to go, or their cards to say so, whoever could hear them."""
        keep = self.rhythm.keep
        ended = DeliveryRow.ended_at
        over = [] if keep is None else [and_(ended.is_not(None), ended <= now - keep)]
        return or_(
            DeliveryRow.delete_asked_by.is_not(None),
            DeliveryRow.state == State.FAILED.value,
            DeliveryRow.taken_back_cause.is_not(None),
            *over,
        )


def _wanted() -> ColumnElement[bool]:
    untold = DeliveryRow.taken_back_at.is_not(None)
    return or_(and_(*visible()), untold)
