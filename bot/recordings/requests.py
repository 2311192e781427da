"""Stores what people ask for, durably and once, before Slack is answered."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from sqlalchemy import case, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.logs import get_logger
from bot.polyai.payloads import Direction
from bot.recordings.kinds import DeliveryKind
from bot.recordings.record import DELIVER
from bot.recordings.states import State
from bot.store.database import Database
from bot.store.due_work import schedule
from bot.store.once import hashed
from bot.store.tables import DeliveryRow, RecentRequestRow

log = get_logger(__name__)

# People press Enter twice; Slack leaves the text in the box.
DOUBLE_SUBMIT_WINDOW: Final = timedelta(seconds=10)
MAX_TOGETHER: Final = 50


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A recording somebody asks for. ``channel_id`` may be the asker's own user id: their DM."""

    team_id: str
    enterprise_id: str | None
    user_id: str
    source: str
    trigger_id: str
    agent_name: str
    conversation_id: str
    direction: Direction
    asked_redacted: bool
    origin_channel_id: str
    channel_id: str
    thread_ts: str | None = None
    response_url: SecretStr | None = None
    kind: DeliveryKind = DeliveryKind.AUDIO


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The delivery that a request became, or joined when it was already on its way."""

    delivery_id: str
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One request on its way into the store, and the place of its outcome."""

    request: NewRequest
    stored: "asyncio.Future[StoredRequest]"

    def succeed(self, stored: StoredRequest) -> None:
        """Hand the outcome over, unless nobody waits for it any more."""
        if not self.stored.done():
            self.stored.set_result(stored)

    def fail(self, error: Exception) -> None:
        """Raise the error where the request is awaited."""
        if not self.stored.done():
            self.stored.set_exception(error)


class RequestBook:
    """Takes requests into the store; a worker finds them there."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting: list[_Waiting] = []

    async def store(self, request: NewRequest) -> StoredRequest:
        """Store the request and its audit event; the same one again joins the first.

        The same Slack trigger is the same request for ever (Slack may deliver it twice); the same
        words by the same person in the same place are for ``DOUBLE_SUBMIT_WINDOW``.
        """
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        # While one transaction is being written, all who come meanwhile gather for the next: in a
        # burst that is what keeps everybody's answer within Slack's three seconds.
        async with self._turn:
            # More than once where those who came before have given up, as their requests go first.
            while not waiting.stored.done():
                await asyncio.shield(asyncio.ensure_future(self._store_waiting()))
        stored = await waiting.stored
        log.info("request_stored", reference=stored.delivery_id, is_repeat=stored.is_repeat)
        return stored

    async def _store_waiting(self) -> None:
        batch, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
        try:
            found = await self._store_all([each.request for each in batch])
        except Exception:  # noqa: BLE001 - each is tried alone next, and raised there
            # One of them spoils the transaction for all: each gets one of its own.
            found = None
        for index, each in enumerate(batch):
            try:
                stored = (
                    found[index] if found is not None else await self._store_alone(each.request)
                )
            except Exception as error:  # noqa: BLE001 - raised where that request is awaited
                each.fail(error)
            else:
                each.succeed(stored)

    async def _store_alone(self, request: NewRequest) -> StoredRequest:
        try:
            (stored,) = await self._store_all([request])
        except IntegrityError:
            # The twin of this very trigger was stored a moment ago by another process.
            delivery_id = delivery_id_of(request)
            if not await self._holds(delivery_id):
                raise
            return StoredRequest(delivery_id, is_repeat=True)
        return stored

    async def _holds(self, delivery_id: str) -> bool:
        async with self._database.read() as session:
            return await session.get(DeliveryRow, delivery_id) is not None

    async def _store_all(self, requests: Sequence[NewRequest]) -> list[StoredRequest]:
        """Store the requests in one transaction; gives for each, in their order, what it became."""
        ids = [delivery_id_of(each) for each in requests]

        async def store(session: AsyncSession) -> dict[int, StoredRequest]:
            stored_before = select(DeliveryRow.id).where(DeliveryRow.id.in_(ids))
            known = set(await session.scalars(stored_before))
            found: dict[int, StoredRequest] = {}
            # In the order of the rows they lock, as every process does.
            for index, request in sorted(
                enumerate(requests), key=lambda each: (fingerprint_of(each[1]), each[0])
            ):
                delivery_id = ids[index]
                holder = delivery_id
                is_repeat = delivery_id in known
                if not is_repeat:
                    holder = await self._claim(session, fingerprint_of(request), delivery_id)
                    is_repeat = holder != delivery_id
                if not is_repeat:
                    known.add(delivery_id)
                    await self._add(session, request, delivery_id)
                found[index] = StoredRequest(holder, is_repeat)
            return found

        found = await self._database.transact(store)
        return [found[index] for index in range(len(requests))]

    async def _add(self, session: AsyncSession, request: NewRequest, delivery_id: str) -> None:
        now = self._clock()
        session.add(
            DeliveryRow(
                id=delivery_id,
                team_id=request.team_id,
                enterprise_id=request.enterprise_id,
                user_id=request.user_id,
                source=request.source,
                agent_name=request.agent_name,
                conversation_id=request.conversation_id,
                kind=request.kind.value,
                direction=request.direction.value,
                asked_redacted=request.asked_redacted,
                origin_channel_id=request.origin_channel_id,
                asked_channel_id=request.channel_id,
                asked_thread_ts=request.thread_ts,
                response_url=_plain(request.response_url),
                requested_at=now,
                state=State.REQUESTED.value,
            )
        )
        schedule(session, DELIVER, delivery_id, now=now)
        await record(
            session,
            AuditEvent(
                tag=AuditTag.DELIVERY_REQUESTED,
                team_id=request.team_id,
                actor_id=request.user_id,
                occurred_at=now,
                delivery_id=delivery_id,
                payload={
                    "conversation_id": request.conversation_id,
                    "agent": request.agent_name,
                    "kind": request.kind.value,
                    "direction": request.direction.value,
                    "channel_id": request.channel_id,
                    "asked_redacted": request.asked_redacted,
                    "source": request.source,
                },
            ),
        )

    async def _claim(self, session: AsyncSession, fingerprint: str, delivery_id: str) -> str:
        """Claim the fingerprint for the window in one statement; gives the holder's delivery id."""
        now, row = self._clock(), RecentRequestRow
        is_over = row.requested_at < now - DOUBLE_SUBMIT_WINDOW
        insert = sqlite_insert if self._database.is_sqlite else postgresql_insert
        values = {"fingerprint": fingerprint, "delivery_id": delivery_id, "requested_at": now}
        holder = await session.scalar(
            insert(row)
            .values(values)
            .on_conflict_do_update(
                index_elements=[row.fingerprint],
                # Writing the row's own values back makes RETURNING give the holder either way.
                set_={
                    "delivery_id": case((is_over, delivery_id), else_=row.delivery_id),
                    "requested_at": case((is_over, now), else_=row.requested_at),
                },
            )
            .returning(row.delivery_id)
        )
        return str(holder)


def delivery_id_of(request: NewRequest) -> str:
    """Name the delivery of a trigger: always the same for the same one, telling nothing of it."""
    return "d" + hashed(request.team_id, request.trigger_id)[:20]


def fingerprint_of(request: NewRequest) -> str:
    """Digest everything that makes two requests the very same to the person who types them."""
    return hashed(
        request.team_id,
        request.user_id,
        request.origin_channel_id,
        request.channel_id,
        request.thread_ts or "",
        request.agent_name,
        request.conversation_id,
        request.kind.value,
        request.direction.value,
        str(request.asked_redacted),
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
