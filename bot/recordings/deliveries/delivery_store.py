"""Stores deliveries: each change shares a transaction with its audit event.

A delivery's row is all that survives a killed worker: the next one does what is missing in it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final, cast

from sqlalchemy import Executable, Row, Select, Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import ENDED, Delivery, DeliveryKind, State, event_of
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.recordings.deliveries.orphaned_files import STAYS_UNSEEN_AFTER, store_orphaned
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import DeliveryRow, DueWorkRow

log = get_logger(__name__)


TABLE: Final = cast("Table", DeliveryRow.__table__)
"""The table without its class, so that SQLAlchemy builds no objects in frequent statements."""
Then = Callable[[AsyncSession, Row[*tuple[Any, ...]]], None]
"""Stores more in the transaction of a change, with the changed row."""
NOTHING: Final[Mapping[str, None]] = MappingProxyType({})


class DeliveryStore:
    """Reads deliveries and changes them, each change in one transaction with its event."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def read(self, delivery_id: str) -> Delivery:
        """Read one delivery.

        Raises:
            LookupError: no delivery has that id.
        """
        found = await self.find(delivery_id)
        if found is None:
            msg = f"no delivery {delivery_id}"
            raise LookupError(msg)
        return found

    async def find(self, delivery_id: str) -> Delivery | None:
        """Read a delivery; None if it does not exist."""
        found = await self._database.rows(_reading(), {"of": delivery_id})
        return delivery_of(found[0]) if found else None

    async def change(
        self,
        delivery: Delivery,
        changes: Mapping[str, Any],
        *,
        tag: AuditTag | None = None,
        payload: Mapping[str, PayloadValue] = NOTHING,
        when: Mapping[str, Any] = NOTHING,
        was_shared: bool = False,
        orphans_files: bool = False,
        then: Then | None = None,
    ) -> Delivery | None:
        """Change the row and record ``tag``, both only if it has not ended and holds ``when``.

        Returns the changed delivery, or None if nothing was changed: a step that runs twice changes
        the row once and writes one event. ``was_shared`` records first that it was shared. With
        ``orphans_files`` the files of ``delivery`` become orphaned files, which the take-back
        deletes. ``then`` runs in the same transaction.
        """
        statement = _changing(tuple(sorted(changes)), tuple(sorted(when)))
        parameters = {
            "of": delivery.id,
            **{f"new_{name}": value for name, value in changes.items()},
            **{f"old_{name}": value for name, value in when.items()},
        }
        async with self._database.write(is_short=True) as session:
            connection = await session.connection()
            row = (await connection.execute(statement, parameters)).first()
            if row is None:
                return None
            if then:
                then(session, row)
            if was_shared:
                shared = {"file_id": delivery.file_id}
                await record(session, self._event(delivery, AuditTag.DELIVERY_SHARED, shared))
            if tag:
                await record(session, self._event(delivery, tag, payload))
            if orphans_files:
                now = self.clock()
                until = now + STAYS_UNSEEN_AFTER
                await store_orphaned(session, delivery, delivery.file_ids, until=until, now=now)
        if tag:
            # The payload holds only ids, codes and sizes.
            log.info("delivery_changed", tag=tag.value, facts=dict(payload))
        return delivery_of(row)

    async def note(
        self,
        delivery: Delivery,
        tag: AuditTag,
        payload: Mapping[str, PayloadValue],
        *,
        actor_id: str,
    ) -> None:
        """Record an event about a delivery that does not change it."""
        async with self._database.write(is_short=True) as session:
            await record(session, self._event(delivery, tag, payload, actor_id))

    def _event(
        self,
        delivery: Delivery,
        tag: AuditTag,
        payload: Mapping[str, PayloadValue],
        actor_id: str = SYSTEM_ACTOR,
    ) -> AuditEvent:
        return event_of(delivery, tag, payload, actor_id=actor_id, now=self.clock())

    async def call_is_shown(self, delivery: Delivery) -> bool:
        """Return whether a card in the same thread already shows the facts of the same call."""
        others = select(DeliveryRow.id).where(
            DeliveryRow.id != delivery.id,
            DeliveryRow.destination_channel_id == delivery.channel_id,
            DeliveryRow.parent_ts == delivery.parent_ts,
            DeliveryRow.conversation_id == delivery.conversation_id,
            DeliveryRow.kind == DeliveryKind.AUDIO.value,
            DeliveryRow.state == State.DELIVERED.value,
            DeliveryRow.taken_back_at.is_(None),
        )
        return bool(await self._database.rows(others.limit(1)))

    async def orphan_files(self, delivery: Delivery) -> None:
        """Schedule the deletion of visible files that the row of ``delivery`` no longer names.

        Another worker may have ended the delivery meanwhile.
        """
        now = self.clock()
        async with self._database.write(is_short=True) as session:
            await store_orphaned(session, delivery, delivery.file_ids, until=now, now=now)

    def ending(self, state: State) -> dict[str, Any]:
        """Build the columns of an end; the due work stays until the requester is notified."""
        return {"state": state.value, "ended_at": self.clock()}

    async def note_waiting(self, delivery: Delivery, *, is_notified: bool) -> None:
        """Store since when it waits for a service, and whether its requester was notified."""
        now = self.clock()
        changes: dict[str, Any] = {"waiting_since": delivery.waiting_since or now}
        if is_notified:
            changes["waiting_notified_at"] = now
        await self.change(delivery, changes)

    async def note_notified(self, delivery: Delivery, *, is_all: bool) -> None:
        """Store that the requester was notified; with ``is_all`` the response URL is removed."""
        row = DeliveryRow
        changes: dict[str, Any] = {"notified_at": func.coalesce(row.notified_at, self.clock())}
        if is_all:
            changes["response_url"] = None
        async with self._database.write(is_short=True) as session:
            await session.execute(update(row).where(row.id == delivery.id).values(**changes))

    async def note_notify_failed(
        self, delivery: Delivery, payload: Mapping[str, PayloadValue]
    ) -> None:
        """Stop notifying, with an audit event, unless the requester was notified meanwhile."""
        row = DeliveryRow
        failed = (
            update(row)
            .where(row.id == delivery.id, row.notified_at.is_(None), row.notify_failed_at.is_(None))
            .values(notify_failed_at=self.clock())
        )
        forget = update(row).where(row.id == delivery.id).values(response_url=None)
        async with self._database.write(is_short=True) as session:
            if await session.scalar(failed.returning(row.id)):
                event = self._event(delivery, AuditTag.NOTIFICATION_FAILED, payload)
                await record(session, event)
            await session.execute(forget)

    async def enqueue_take_back(self, delivery_id: str) -> None:
        """Enqueue the take-back: a file may be visible, or the card may be out of date."""
        now = self.clock()
        statement = update(DeliveryRow).where(DeliveryRow.id == delivery_id)
        async with self._database.write(is_short=True) as session:
            await session.execute(statement.values(recheck_at=now))
            enqueue(session, DueWorkKind.TAKE_BACK, delivery_id, now=now)


def under_way() -> Select[str]:
    """Build the query for the ids of deliveries under way; few among all rows."""
    return select(DueWorkRow.key).where(DueWorkRow.kind == DueWorkKind.DELIVER)


# Each statement is built once: building one costs SQLAlchemy as much as running it.
@cache
def _reading() -> Executable:
    return select(TABLE).where(TABLE.c.id == bindparam("of"))


@cache
def _changing(changed: tuple[str, ...], held: tuple[str, ...]) -> Executable:
    """Build an update of these columns, if they still hold the expected values."""
    return (
        update(TABLE)
        .where(
            TABLE.c.id == bindparam("of"),
            TABLE.c.state.not_in([state.value for state in ENDED]),
            *(TABLE.c[name].is_not_distinct_from(bindparam(f"old_{name}")) for name in held),
        )
        .values({name: bindparam(f"new_{name}") for name in changed})
        .returning(TABLE)
    )
