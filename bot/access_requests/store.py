"""Requests for access in the store; each change shares a transaction with its audit event.

``state`` and the times say what has been done; due work says when the next step is due.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import Effect, Right, SubjectKind, in_force
from bot.access_requests.request import (
    LIFETIME,
    AccessRequest,
    AccessState,
    NewAccessRequest,
    event_of,
    request_of,
)
from bot.audit.events import SYSTEM_ACTOR, AuditTag
from bot.audit.log import record
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.inserts import insert_into
from bot.store.tables import AccessRequestRow, GrantRow


@dataclass(frozen=True, slots=True)
class StoredAccessRequest:
    """A request that was stored, or the pending one it joined."""

    request: AccessRequest
    is_new: bool


class AccessRequests:
    """Reads and changes requests; ``review`` stores the admins' decisions."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def store(self, new: NewAccessRequest) -> StoredAccessRequest:
        """Store a request, or join the pending one of that person; with an audit event.

        The same request a second time changes nothing and is not audited.
        """
        now = self.clock()
        statement = insert_into(AccessRequestRow, is_sqlite=self._database.is_sqlite).values(
            **asdict(new), state=AccessState.PENDING.value, requested_at=now, messages=[]
        )
        nearest = (
            select(AccessRequestRow)
            .where(AccessRequestRow.team_id == new.team_id, AccessRequestRow.user_id == new.user_id)
            .order_by(
                (AccessRequestRow.state == AccessState.PENDING.value).desc(),
                (AccessRequestRow.id == new.id).desc(),
                AccessRequestRow.requested_at.desc(),
            )
        )
        async with self._database.write() as session:
            # One statement for both: the same submission twice, and a second pending request.
            once = statement.on_conflict_do_nothing().returning(AccessRequestRow.id)
            is_new = await session.scalar(once) is not None
            row = (await session.scalars(nearest.limit(1))).one()
            if is_new:
                enqueue(session, DueWorkKind.HANDLE_ACCESS_REQUEST, new.id, now=now)
                await record(session, event_of(AuditTag.ACCESS_REQUESTED, row, new.user_id, now))
            elif await session.get(AccessRequestRow, new.id) is None:
                joined = event_of(AuditTag.ACCESS_JOINED, row, new.user_id, now)
                payload = {**joined.payload, "hours": new.hours}
                await record(session, replace(joined, delivery_id=new.delivery_id, payload=payload))
            return StoredAccessRequest(request_of(row), is_new)

    async def read(self, request_id: str) -> AccessRequest:
        """Read one request.

        Raises:
            LookupError: there is no request of that id.
        """
        async with self._database.read() as session:
            row = await session.get(AccessRequestRow, request_id)
        if row is None:
            msg = f"no access request {request_id}"
            raise LookupError(msg)
        return request_of(row)

    async def grant_end(self, request: AccessRequest) -> datetime | None:
        """Return when the request's grant ends; None if it has, or a later one is in force.

        Grants to groups do not count, because Slack can change a group at any time.
        """
        now = self.clock()
        async with self._database.read() as session:
            grant = await session.get(GrantRow, request.grant_id)
            if grant is None or grant.revoked_at or not grant.expires_at or grant.expires_at <= now:
                return None
            later = select(GrantRow.id).where(
                GrantRow.team_id == request.team_id,
                GrantRow.right == Right.PII.value,
                GrantRow.subject_kind == SubjectKind.USER.value,
                GrantRow.subject_id == request.user_id,
                GrantRow.effect == Effect.GRANT.value,
                in_force(now),
                or_(GrantRow.expires_at.is_(None), GrantRow.expires_at > grant.expires_at),
            )
            return None if await session.scalar(later.limit(1)) else grant.expires_at

    async def expire(self, request: AccessRequest) -> AccessRequest:
        """Expire a request that no admin decided on, once; returns it as stored then."""
        now = self.clock()
        async with self._database.write() as session:
            row = await close(session, request.id, AccessState.EXPIRED, by=None, now=now)
            if row:
                await record(session, event_of(AuditTag.ACCESS_EXPIRED, row, SYSTEM_ACTOR, now))
                return request_of(row)
        return await self.read(request.id)

    async def mark(self, request: AccessRequest, **values: Any) -> None:  # noqa: ANN401 - columns
        """Store what has been done."""
        async with self._database.write() as session:
            await session.execute(
                update(AccessRequestRow).where(AccessRequestRow.id == request.id).values(**values)
            )

    async def mark_shown(self, request: AccessRequest, now: datetime) -> None:
        """Store that every message shows the outcome, unless one was posted meanwhile."""
        async with self._database.write() as session:
            row = await session.get_one(AccessRequestRow, request.id, with_for_update=True)
            if len(row.messages) == len(request.messages):
                row.shown_at = now

    async def add_message(self, request: AccessRequest, channel_id: str, ts: str) -> None:
        """Store a message to an admin; if the request has ended, have the outcome shown again."""
        async with self._database.write() as session:
            row = await session.get_one(AccessRequestRow, request.id, with_for_update=True)
            row.messages = [*row.messages, [channel_id, ts]]
            if row.state != AccessState.PENDING.value:
                row.shown_at = None
                enqueue(session, DueWorkKind.HANDLE_ACCESS_REQUEST, request.id, now=self.clock())


async def close(
    session: AsyncSession, request_id: str, state: AccessState, *, by: str | None, now: datetime
) -> AccessRequestRow | None:
    """End a pending request in the caller's transaction; None if it has ended before.

    Admins can decide until a request expires, so a decision and the expiry exclude each other.
    """
    requested_at, expired = AccessRequestRow.requested_at, now - LIFETIME
    is_in_time = requested_at <= expired if state is AccessState.EXPIRED else requested_at > expired
    statement = update(AccessRequestRow).where(
        AccessRequestRow.id == request_id,
        AccessRequestRow.state == AccessState.PENDING.value,
        is_in_time,
    )
    ending = {"state": state.value, "decided_by": by, "decided_at": now}
    found: AccessRequestRow | None = await session.scalar(
        statement.values(**ending).returning(AccessRequestRow)
    )
    if found:
        enqueue(session, DueWorkKind.HANDLE_ACCESS_REQUEST, request_id, now=now)
    return found
