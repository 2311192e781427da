"""Stores deliveries: reads one as a frozen value, changes it together with its audit event."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final, cast

from pydantic import SecretStr
from sqlalchemy import Executable, Row, Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record
from bot.observability.logs import get_logger
from bot.polyai.payloads import Direction
from bot.recordings.file_checks import TAKE_BACK
from bot.recordings.kinds import DeliveryKind
from bot.recordings.orphaned_files import STAYS_UNSEEN_AFTER, OrphanedFile, leave
from bot.recordings.slack_port import Problem
from bot.recordings.states import ENDED, State
from bot.recordings.waveform.spans import Span, Spans
from bot.store.database import Database
from bot.store.schedule import schedule
from bot.store.tables import DeliveryRow

log = get_logger(__name__)

DELIVER: Final = "deliver"
"""The kind of due work that brings a recording from its request to its end, and tells of that."""

TABLE: Final = cast("Table", DeliveryRow.__table__)
"""For statements that are run once a step: of the class SQLAlchemy would build objects."""
ALWAYS: Final[Mapping[str, None]] = MappingProxyType({})
"""Of a change that depends on nothing else than that the delivery has not ended."""
NO_UPLOAD: Final[Mapping[str, None]] = MappingProxyType(
    dict.fromkeys(
        (
            "file_id",
            "picture_file_id",
            "muted_spans",
            "muted_seconds",
            "muted_where",
            "share_tried_at",
        )
    )
)
"""The columns of a delivery whose upload was dropped: its picture goes with it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it stands in the store."""

    id: str
    team_id: str
    enterprise_id: str | None
    user_id: str
    agent_name: str
    conversation_id: str
    kind: DeliveryKind
    direction: Direction
    asked_redacted: bool
    origin_channel_id: str
    asked_channel_id: str
    asked_thread_ts: str | None
    response_url: SecretStr | None
    requested_at: datetime
    state: State
    channel_id: str | None
    outcome: Outcome | None
    reason: str | None
    destination_is_private: bool | None
    """As it was when that was decided; None: nothing is decided yet, or Slack did not tell."""
    announce_tried_at: datetime | None
    parent_ts: str | None
    card_ts: str | None
    file_id: str | None
    share_tried_at: datetime | None
    share_ts: str | None
    size_bytes: int | None
    length_seconds: float | None
    encoding: str | None
    """Its name, where a player may not know it."""
    without_picture: bool
    ended_at: datetime | None
    problem: Problem | None
    """What a failed delivery failed of, in words for the requester."""
    waiting_since: datetime | None
    """Since when it has been waiting for Slack or PolyAI, which could not be used for a while."""
    waiting_notified_at: datetime | None
    notified_at: datetime | None
    unverified_since: datetime | None
    shares_unverified_since: datetime | None
    reported_channels: tuple[str, ...]
    """Where events said that a file of it was shared."""
    taken_back_at: datetime | None
    taken_back_cause: str | None
    delete_asked_by: str | None
    picture_file_id: str | None
    muted: Spans | None
    """None: not known, or nothing that may be called so."""
    replaces_id: str | None
    """The delivery whose raw file was taken back, where this one follows it unasked."""

    @property
    def is_transcript(self) -> bool:
        """Whether it brings the transcript."""
        return self.kind is DeliveryKind.TRANSCRIPT

    @property
    def file_ids(self) -> tuple[str, ...]:
        """Every file of the upload: the recording first, then its picture if it has one."""
        return tuple(each for each in (self.file_id, self.picture_file_id) if each)

    @property
    def is_raw(self) -> bool:
        """Whether the last decision allows raw; anything else, none included, does not."""
        return self.outcome is Outcome.RAW

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be done for it."""
        return self.state in ENDED


class DeliveryStore:
    """Reads deliveries and changes them, each change in one transaction with its event."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def read(self, delivery_id: str) -> Delivery:
        """Read one delivery.

        Raises:
            LookupError: there is none of that id.
        """
        found = await self.find(delivery_id)
        if found is None:
            msg = f"no delivery {delivery_id}"
            raise LookupError(msg)
        return found

    async def find(self, delivery_id: str) -> Delivery | None:
        """Read a delivery that may not be there."""
        found = await self._database.rows(_reading(), {"of": delivery_id})
        return delivery_of(found[0]) if found else None

    async def change(
        self,
        delivery: Delivery,
        changes: Mapping[str, Any],
        *,
        tag: AuditTag | None = None,
        payload: Mapping[str, PayloadValue] | None = None,
        when: Mapping[str, Any] = ALWAYS,
        actor_id: str = SYSTEM_ACTOR,
        leaves_files: bool = False,
        was_shared: bool = False,
        then: Callable[[AsyncSession, Row[*tuple[Any, ...]]], None] | None = None,
    ) -> Delivery | None:
        """Change the row and record ``tag``, both only if it has not ended and holds ``when``.

        Gives the delivery as it is then, or None if nothing was changed: a step that runs twice
        changes, and is told of, once. ``was_shared`` records first that it was shared; ``then``
        runs in the same transaction. With ``leaves_files`` the files of ``delivery``, which the
        change lets go of, are left to retention.
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
                await record(
                    session,
                    self._event(delivery, AuditTag.DELIVERY_SHARED, shared, SYSTEM_ACTOR),
                )
            if tag:
                await record(session, self._event(delivery, tag, payload or {}, actor_id))
            if leaves_files:
                now = self.clock()
                left = orphaned_files_of(delivery, delivery.file_ids, now + STAYS_UNSEEN_AFTER)
                await leave(session, left, now)
        if tag:
            # The payload holds ids, codes and sizes alone.
            log.info("delivery_changed", tag=tag.value, facts=dict(payload or {}))
        return delivery_of(row)

    async def note(
        self,
        delivery: Delivery,
        tag: AuditTag,
        payload: Mapping[str, PayloadValue],
        *,
        actor_id: str,
    ) -> None:
        """Record an event about a delivery that changes nothing of it."""
        async with self._database.write(is_short=True) as session:
            await record(session, self._event(delivery, tag, payload, actor_id))

    def _event(
        self,
        delivery: Delivery,
        tag: AuditTag,
        payload: Mapping[str, PayloadValue],
        actor_id: str,
    ) -> AuditEvent:
        return AuditEvent(
            tag=tag,
            team_id=delivery.team_id,
            actor_id=actor_id,
            occurred_at=self.clock(),
            delivery_id=delivery.id,
            payload=payload,
        )

    async def call_is_shown(self, delivery: Delivery) -> bool:
        """Tell whether a card in the same thread tells the facts of the same call already."""
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

    async def leave_files(self, delivery: Delivery) -> None:
        """The files of ``delivery`` are visible, and its row knows them no more: have them deleted.

        Holds although the delivery has ended, as it may have in another worker's hands.
        """
        now = self.clock()
        async with self._database.write(is_short=True) as session:
            await leave(session, orphaned_files_of(delivery, delivery.file_ids, now), now)

    async def end(
        self,
        delivery: Delivery,
        state: State,
        *,
        tag: AuditTag,
        payload: Mapping[str, PayloadValue],
        changes: Mapping[str, Any] | None = None,
        leaves_files: bool = False,
        when: Mapping[str, Any] = ALWAYS,
        was_shared: bool = False,
        then: Callable[[AsyncSession, Row[*tuple[Any, ...]]], None] | None = None,
    ) -> bool:
        """End the delivery once; gives whether this call did. Its work goes on until it is told."""
        ending = {"state": state.value, "ended_at": self.clock(), **(changes or {})}
        ended = await self.change(
            delivery,
            ending,
            tag=tag,
            payload=payload,
            leaves_files=leaves_files,
            when=when,
            was_shared=was_shared,
            then=then,
        )
        return ended is not None

    async def note_waiting(self, delivery: Delivery, *, is_notified: bool) -> None:
        """Note since when it waits for a service, and whether its requester knows."""
        now = self.clock()
        changes: dict[str, Any] = {"waiting_since": delivery.waiting_since or now}
        if is_notified:
            changes["waiting_notified_at"] = now
        await self.change(delivery, changes)

    async def note_notified(self, delivery: Delivery, *, is_all: bool) -> None:
        """Note that the requester knows; once that is all, the way to answer is forgotten."""
        row = DeliveryRow
        changes: dict[str, Any] = {"notified_at": func.coalesce(row.notified_at, self.clock())}
        if is_all:
            changes["response_url"] = None
        async with self._database.write(is_short=True) as session:
            await session.execute(update(row).where(row.id == delivery.id).values(**changes))

    async def note_notify_failed(
        self, delivery: Delivery, payload: Mapping[str, PayloadValue]
    ) -> None:
        """Give telling up, with its audit event, unless the requester knows by now."""
        row = DeliveryRow
        failed = (
            update(row)
            .where(row.id == delivery.id, row.notified_at.is_(None), row.notify_failed_at.is_(None))
            .values(notify_failed_at=self.clock())
        )
        forget = update(row).where(row.id == delivery.id).values(response_url=None)
        async with self._database.write(is_short=True) as session:
            if await session.scalar(failed.returning(row.id)):
                event = self._event(delivery, AuditTag.DELIVERY_UNTOLD, payload, SYSTEM_ACTOR)
                await record(session, event)
            await session.execute(forget)

    async def leave_to_retention(self, delivery_id: str) -> None:
        """Have it looked at: its file may be visible, or its card may say what is no longer so."""
        now = self.clock()
        statement = update(DeliveryRow).where(DeliveryRow.id == delivery_id)
        async with self._database.write(is_short=True) as session:
            await session.execute(statement.values(recheck_at=now))
            schedule(session, TAKE_BACK, delivery_id, now=now)


# Each statement is spelled once: spelling one costs SQLAlchemy as much as running it.
@cache
def _reading() -> Executable:
    return select(TABLE).where(TABLE.c.id == bindparam("of"))


@cache
def _changing(changed: tuple[str, ...], held: tuple[str, ...]) -> Executable:
    """Spell a change of these columns where those still hold what they held."""
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


def delivery_of(row: DeliveryRow | Row[*tuple[Any, ...]]) -> Delivery:
    """Read a row as a frozen value."""
    return Delivery(
        id=row.id,
        team_id=row.team_id,
        enterprise_id=row.enterprise_id,
        user_id=row.user_id,
        agent_name=row.agent_name,
        conversation_id=row.conversation_id,
        kind=DeliveryKind(row.kind),
        direction=Direction(row.direction),
        asked_redacted=row.asked_redacted,
        origin_channel_id=row.origin_channel_id,
        asked_channel_id=row.asked_channel_id,
        asked_thread_ts=row.asked_thread_ts,
        response_url=SecretStr(row.response_url) if row.response_url else None,
        requested_at=row.requested_at,
        state=State(row.state),
        channel_id=row.destination_channel_id,
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason=row.reason,
        destination_is_private=row.destination_is_private,
        announce_tried_at=row.announce_tried_at,
        parent_ts=row.parent_ts,
        card_ts=row.card_ts,
        file_id=row.file_id,
        share_tried_at=row.share_tried_at,
        share_ts=row.share_ts,
        size_bytes=row.size_bytes,
        length_seconds=row.length_seconds,
        encoding=row.encoding,
        without_picture=row.without_picture,
        ended_at=row.ended_at,
        problem=Problem(**row.problem) if row.problem else None,
        waiting_since=row.waiting_since,
        waiting_notified_at=row.waiting_notified_at,
        notified_at=row.notified_at,
        unverified_since=row.unverified_since,
        shares_unverified_since=row.shares_unverified_since,
        reported_channels=tuple(row.reported_channels or ()),
        taken_back_at=row.taken_back_at,
        taken_back_cause=row.taken_back_cause,
        delete_asked_by=row.delete_asked_by,
        picture_file_id=row.picture_file_id,
        muted=_muted_of(row),
        replaces_id=row.replaces_id,
    )


def muted_columns(muted: Spans | None) -> dict[str, Any]:
    """Spell in columns where a recording is muted."""
    if muted is None:
        return {}
    where = [[round(each.start_seconds, 3), round(each.end_seconds, 3)] for each in muted.kept]
    return {
        "muted_spans": muted.count,
        "muted_seconds": muted.seconds,
        "muted_where": {"spans": where},
    }


def _muted_of(row: DeliveryRow | Row[*tuple[Any, ...]]) -> Spans | None:
    if row.muted_spans is None or row.muted_seconds is None:
        return None
    where = (row.muted_where or {}).get("spans") or []
    return Spans(row.muted_spans, row.muted_seconds, tuple(Span(*each) for each in where))


def orphaned_files_of(
    delivery: Delivery, file_ids: Iterable[str], until: datetime
) -> list[OrphanedFile]:
    """Spell what has to be deleted although the delivery's row knows it no more."""
    return [
        OrphanedFile(file_id, delivery.id, delivery.team_id, delivery.channel_id, until)
        for file_id in file_ids
    ]
