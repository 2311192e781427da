"""Writes a batch of requests in one transaction: new deliveries, repeats and refusals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import (
    Executable,
    Select,
    UpdateBase,
    and_,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from bot.audit.log import record
from bot.recordings.deliveries.delivery import State
from bot.recordings.requests.fair_queue import TooManyWaiting, count_people, read_fair_queue
from bot.recordings.requests.new_request import (
    NewRequest,
    delivery_id_of,
    fingerprint_of,
    flow_of_request,
    refusal_event,
    request_event,
    requester_of,
    row_of,
)
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.idempotency import DOUBLE_SUBMIT_WINDOW
from bot.store.inserts import insert_into
from bot.store.tables import DeliveryRow, RecentRequestRow


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The delivery of a request: a new one, or an unfinished one that it joined."""

    delivery_id: str
    is_repeat: bool


class RequestWriter:
    """Writes requests with their audit events and due work."""

    def __init__(
        self, *, database: Database, clock: Callable[[], datetime], max_waiting: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._max_waiting = max_waiting

    async def write(self, requests: Sequence[NewRequest]) -> list[StoredRequest | TooManyWaiting]:
        """Store the requests in one transaction; returns the outcome of each, in their order.

        The number of statements does not depend on the number of requests.
        """
        ids = [delivery_id_of(each) for each in requests]
        fingerprints = [fingerprint_of(each) for each in requests]
        # In the order of the locked rows, which is the same in every process.
        in_order = sorted(range(len(requests)), key=lambda index: (fingerprints[index], index))

        async def store(session: AsyncSession) -> list[StoredRequest | TooManyWaiting]:
            connection, now = await session.connection(), self._clock()
            known = set(await connection.scalars(_knowing(), {"ids": ids}))
            claims: dict[str, tuple[str, datetime]] = {}
            for index in in_order:
                if ids[index] not in known:
                    sent_at = requests[index].requester.actor.sent_at or now
                    claims.setdefault(fingerprints[index], (ids[index], sent_at))
            holders = await self._claim(connection, claims, now)
            found: dict[int, StoredRequest] = {}
            new: dict[str, NewRequest] = {}
            for index in in_order:
                delivery_id = ids[index]
                is_known = delivery_id in known or delivery_id in new
                holder = delivery_id if is_known else holders[fingerprints[index]]
                if holder == delivery_id and not is_known:
                    new[delivery_id] = requests[index]
                    found[index] = StoredRequest(delivery_id, is_repeat=False)
                else:
                    found[index] = StoredRequest(holder, is_repeat=True)
            as_they_came = [each for each in dict.fromkeys(ids) if each in new]
            too_many = await self._add(session, connection, new, as_they_came, now)
            outcomes = [found[index] for index in range(len(requests))]
            return [too_many.get(each.delivery_id, each) for each in outcomes]

        return await self._database.transact(store, is_short=True)

    async def _add(
        self,
        session: AsyncSession,
        connection: AsyncConnection,
        new: Mapping[str, NewRequest],
        as_they_came: Sequence[str],
        now: datetime,
    ) -> Mapping[str, TooManyWaiting]:
        """Add the deliveries, each in its requester's turn; returns those above the limit."""
        if not new:
            return {}
        requesters = {each: requester_of(new[each]) for each in as_they_came}
        flows = {each: flow_of_request(new[each]) for each in as_they_came}
        queue = await read_fair_queue(
            connection, sorted(set(requesters.values())), sorted(set(flows.values())), now
        )
        taken = {
            delivery_id: queue.take(requester, flows[delivery_id])
            for delivery_id, requester in requesters.items()
            if queue.has_room(requester, self._max_waiting)
        }
        if taken:
            rows = [row_of(each, request, now) for each, request in new.items() if each in taken]
            await connection.execute(_adding(), rows)
        for delivery_id, turn in taken.items():
            enqueue(session, DueWorkKind.DELIVER, delivery_id, now=now, turn=turn)
            await record(session, request_event(delivery_id, new[delivery_id], now))
        refused = {each: new[each] for each in sorted(new.keys() - taken.keys())}
        return await self._refuse(session, connection, refused, now)

    async def _refuse(
        self,
        session: AsyncSession,
        connection: AsyncConnection,
        refused: Mapping[str, NewRequest],
        now: datetime,
    ) -> Mapping[str, TooManyWaiting]:
        """Refuse and audit requests; forget their fingerprints, so that the next is no repeat."""
        if not refused:
            return {}
        row = RecentRequestRow
        await connection.execute(delete(row).where(row.delivery_id.in_(refused)))
        for request in refused.values():
            await record(session, refusal_event(request, now))
        people = await count_people(connection)
        return {each: TooManyWaiting.among(people, most=self._max_waiting) for each in refused}

    async def _claim(
        self, connection: AsyncConnection, claims: Mapping[str, tuple[str, datetime]], now: datetime
    ) -> Mapping[str, str]:
        """Claim fingerprints for the window; returns the delivery id of each one's holder.

        Each window is counted from when Slack sent the request: a person who gets no answer from a
        stalled process asks again, and another process may have delivered that recording already.
        """
        if not claims:
            return {}
        rows = [
            {
                "fingerprint": fingerprint,
                "delivery_id": delivery_id,
                "requested_at": max(now, sent_at),
                "window_began": sent_at - DOUBLE_SUBMIT_WINDOW,
                "sent_at": sent_at,
            }
            for fingerprint, (delivery_id, sent_at) in claims.items()
        ]
        claiming = _claiming(is_sqlite=self._database.is_sqlite)
        if len(rows) == 1:
            claimed = await connection.execute(_holding(claiming), rows[0])
        else:  # with RETURNING, SQLAlchemy would run one statement for each row
            await connection.execute(claiming, rows)
            claimed = await connection.execute(_held(), {"fingerprints": list(claims)})
        return {each.fingerprint: each.delivery_id for each in claimed}


# Each statement is built once: building one costs SQLAlchemy as much as running it.
@cache
def _knowing() -> Select[str]:
    return select(DeliveryRow.id).where(DeliveryRow.id.in_(bindparam("ids", expanding=True)))


@cache
def _adding() -> Executable:
    return insert(DeliveryRow)


@cache
def _claiming(*, is_sqlite: bool) -> UpdateBase:
    row = RecentRequestRow
    statement = insert_into(row, is_sqlite=is_sqlite)
    new = statement.excluded
    is_old = row.requested_at < bindparam("window_began", type_=row.requested_at.type)
    first = select(DeliveryRow.id).where(DeliveryRow.id == row.delivery_id).correlate(row)
    is_on_its_way = first.where(DeliveryRow.ended_at.is_(None)).exists()
    # The person has read why, and asks again because the cause is gone.
    sent_at = bindparam("sent_at", type_=row.requested_at.type)
    unanswered = or_(*(DeliveryRow.state == each.value for each in (State.REFUSED, State.FAILED)))
    brought_nothing = and_(unanswered, DeliveryRow.ended_at < sent_at)
    has_nothing = first.where(or_(brought_nothing, DeliveryRow.taken_back_at < sent_at)).exists()
    is_over = or_(has_nothing, and_(is_old, ~is_on_its_way))
    return statement.on_conflict_do_update(
        index_elements=[row.fingerprint],
        # Writing the row's own values back locks it, and makes RETURNING name the holder.
        set_={
            "delivery_id": case((is_over, new.delivery_id), else_=row.delivery_id),
            "requested_at": case((is_over, new.requested_at), else_=row.requested_at),
        },
    )


@cache
def _holding(claiming: UpdateBase) -> Executable:
    return claiming.returning(RecentRequestRow.fingerprint, RecentRequestRow.delivery_id)


@cache
def _held() -> Executable:
    row = RecentRequestRow
    wanted = row.fingerprint.in_(bindparam("fingerprints", expanding=True))
    return select(row.fingerprint, row.delivery_id).where(wanted)
