"""Fair queueing of deliveries: in each round, every requester is served once.

A new request goes into the round after its requester's last one, or into the round after the
current one, whichever is later. A person who requests five hundred recordings gets them in five
hundred rounds, and a person who requests one meanwhile waits for two rounds (after start-time fair
queueing, Goyal et al., 1996). The current round accepts no new requests, so that people who arrive
one after another cannot prolong it.
"""

import math
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Final

from sqlalchemy import Executable, and_, bindparam, case, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import CallAudioError
from bot.recordings.deliveries.delivery_store import DELIVER
from bot.store.schedule import Turn
from bot.store.tables import DeliveryRow, DueWorkRow

SECONDS_EACH: Final = 2.4
"""Slack allows fifty calls of ``conversations.info`` a minute, and each delivery takes two."""


class TooManyWaiting(CallAudioError):
    """A person has the maximum of unfinished deliveries."""

    code = "too_many_waiting"
    what = "As many recordings as one person may have are on their way for you."
    likely_cause = "Everybody is served in turn."
    fix = "Ask for it again in a minute: the next of yours should be there by then."

    @classmethod
    def among(cls, people: int, *, most: int) -> "TooManyWaiting":
        """Word the limit, and how long the wait is with this many people."""
        minutes = math.ceil(people * SECONDS_EACH / 60)
        soon = f"{minutes} minutes" if minutes > 1 else "a minute"
        return cls(
            what=f"{most} recordings for you are on their way, as many as one person may have at"
            " a time. I did not take this one.",
            likely_cause=f"Everybody is served in turn; people who wait now: {people}.",
            fix=f"Ask for it again in about {soon}: the next of yours should be there by then.",
        )


class Turns:
    """The turns of all requesters, as one transaction read them; assigns the next ones."""

    def __init__(self, opens: int, last: dict[str, int], waiting: dict[str, int]) -> None:
        self._opens = opens
        self._last = last
        self._waiting = Counter(waiting)

    def waiting(self, requester: str) -> int:
        """Count a requester's unfinished deliveries."""
        return self._waiting[requester]

    def take(self, requester: str) -> Turn:
        """Assign a requester's next turn."""
        number = max(self._opens, self._last.get(requester, -1) + 1)
        self._last[requester] = number
        self._waiting[requester] += 1
        return Turn(requester, number)


async def read_turns(
    connection: AsyncConnection, requesters: Collection[str], now: datetime
) -> Turns:
    """Read the first open round, and the waiting work of these requesters."""
    asked = {"of": DELIVER, "now": now, "requesters": list(requesters)}
    (opens, *theirs) = (await connection.execute(_reading(), asked)).all()
    return Turns(
        opens.turn,
        {each.requester: each.turn for each in theirs},
        {each.requester: each.waiting for each in theirs},
    )


async def count_people(connection: AsyncConnection) -> int:
    """Count the people with unfinished deliveries."""
    people = select(func.count(DueWorkRow.requester.distinct())).where(DueWorkRow.kind == DELIVER)
    return int(await connection.scalar(people) or 0)


def requester_key(team_id: str, user_id: str) -> str:
    """Build the key of a person of a workspace."""
    return f"{team_id}:{user_id}"


@cache
def _reading() -> Executable:
    """Build one statement, whose first row is the first open round."""
    row, delivery = DueWorkRow, DeliveryRow
    is_of_kind = row.kind == bindparam("of")
    is_next = and_(is_of_kind, row.claim.is_(None), row.due_at <= bindparam("now"))
    first_waiting = select(func.min(row.turn)).where(is_next).scalar_subquery()
    last_held = select(func.max(row.turn)).where(is_of_kind).scalar_subquery()
    opens = func.coalesce(first_waiting + 1, last_held + 1, 0)
    is_open = case((delivery.ended_at.is_(None), 1), else_=0)
    theirs = (
        select(row.requester, func.max(row.turn), func.sum(is_open))
        .join(delivery, delivery.id == row.key)
        .where(is_of_kind, row.requester.in_(bindparam("requesters", expanding=True)))
        .group_by(row.requester)
    )
    newcomers = select(null().label("requester"), opens.label("turn"), literal(0).label("waiting"))
    return union_all(newcomers, theirs)
