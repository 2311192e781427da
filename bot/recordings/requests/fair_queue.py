"""Fair queueing of deliveries, in two levels: flows in turn, and in each flow requesters in turn.

A flow has the requests for one agent in one workspace, or the automatic deliveries of one
workspace. Each claim of a worker serves the flow after the last one, so that one flow cannot delay
another one, however many people wait in it.

In each round of a flow, every requester is served once. A new request goes into the round after its
requester's last one, or into the round after the current one, whichever is later. A person who
requests five hundred recordings gets them in five hundred rounds, and a person who requests one
meanwhile waits for two rounds (after start-time fair queueing, Goyal et al., 1996). The current
round accepts no new requests, so that people who arrive one after another cannot prolong it.

A person may have a limited number of unfinished deliveries: see ``TooManyWaiting``.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Executable,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import CallAudioError
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import ROUNDS_OF_FLOW, Turn, first_of, flow_in
from bot.store.idempotency import hashed
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


class FairQueue:
    """The turns of requesters in flows, as one transaction read them; assigns the next ones."""

    def __init__(
        self, opens: Mapping[int, int], last: dict[tuple[str, int], int], waiting: Mapping[str, int]
    ) -> None:
        self._opens = opens
        self._last = last
        self._waiting = Counter(waiting)

    def has_room(self, requester: str, most: int) -> bool:
        """Return whether a requester has fewer unfinished deliveries than they may have."""
        return self._waiting[requester] < most

    def take(self, requester: str, flow: int) -> Turn:
        """Assign a requester's next turn in a flow."""
        number = max(self._opens[flow], self._last.get((requester, flow), -1) + 1)
        self._last[requester, flow] = number
        self._waiting[requester] += 1
        return Turn(requester, flow, number)


async def read_fair_queue(
    connection: AsyncConnection, requesters: Collection[str], flows: Collection[int], now: datetime
) -> FairQueue:
    """Read the first open round of these flows, and the waiting work of these requesters."""
    asked = {"of": DueWorkKind.DELIVER, "now": now, "requesters": list(requesters)}
    for number, flow in enumerate(flows):
        asked |= {f"first_{number}": first_of(flow), f"end_{number}": first_of(flow + 1)}
    opens, last, waiting = {}, {}, Counter[str]()
    for each in await connection.execute(_reading(len(flows)), asked):
        flow = flow_in(each.turn)
        if each.requester is None:
            opens[flow] = each.turn - first_of(flow)
        else:
            last[each.requester, flow] = each.turn - first_of(flow)
            waiting[each.requester] += each.waiting
    return FairQueue(opens, last, waiting)


async def count_people(connection: AsyncConnection) -> int:
    """Count the people with unfinished deliveries."""
    people = select(func.count(DueWorkRow.requester.distinct())).where(
        DueWorkRow.kind == DueWorkKind.DELIVER
    )
    return int(await connection.scalar(people) or 0)


def requester_key(team_id: str, user_id: str) -> str:
    """Build the key of a person of a workspace."""
    return f"{team_id}:{user_id}"


def flow_of(team_id: str, name: str) -> int:
    """Return the flow of an agent's deliveries in a workspace, or of automatic ones.

    It is a hash of twenty bits and never 0; two flows with the same hash are served as one.
    """
    return 1 + int(hashed(team_id, name)[:5], 16)


@cache
def _reading(flows: int) -> Executable:
    """Build one statement, whose rows without a requester are the first open rounds of flows."""
    row, delivery = DueWorkRow, DeliveryRow
    is_of_kind = row.kind == bindparam("of")
    is_open = case((delivery.ended_at.is_(None), 1), else_=0)
    theirs = (
        select(row.requester, func.max(row.turn), func.sum(is_open))
        .join(delivery, delivery.id == row.key)
        .where(is_of_kind, row.requester.in_(bindparam("requesters", expanding=True)))
        .group_by(row.requester, row.turn // ROUNDS_OF_FLOW)
    )
    return union_all(*(_opening(number) for number in range(flows)), theirs)


def _opening(number: int) -> Select[Any, Any, Any]:
    """Select the first open round of a flow."""
    row = DueWorkRow
    first = bindparam(f"first_{number}", type_=row.turn.type)
    end = bindparam(f"end_{number}", type_=row.turn.type)
    is_in_flow = and_(row.kind == bindparam("of"), row.turn >= first, row.turn < end)
    is_next = and_(is_in_flow, row.claim.is_(None), row.due_at <= bindparam("now"))
    first_waiting = select(func.min(row.turn)).where(is_next).scalar_subquery()
    last_held = select(func.max(row.turn)).where(is_in_flow).scalar_subquery()
    opens = func.coalesce(first_waiting + 1, last_held + 1, first)
    return select(null().label("requester"), opens.label("turn"), literal(0).label("waiting"))
