"""Stores the results of canary checks and freezes, each with its audit event."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Select, Update, and_, case, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from bot.access.policy import Outcome
from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record
from bot.errors import UsageError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery_rows import NO_UPLOAD
from bot.recordings.deliveries.delivery_store import under_way
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.deliveries.unsafe_redacted_files import order_take_back, posted_since
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.idempotency import claim_once
from bot.store.tables import CanaryRow, DeliveryRow

log = get_logger(__name__)

CANARY: Final = "canary"
"""The key of the due work that checks the canary."""


class CanaryVerdict(StrEnum):
    """The verdict on the plain key."""

    HELD = "held"
    BROKEN = "broken"
    INCONCLUSIVE = "cannot_tell"


class CanaryFinding(StrEnum):
    """A finding about the plain key or the call."""

    SPAN_HEARD = "span_heard"
    """With ``redacted=true`` something is audible that must be muted."""
    ANSWERS_DIFFER = "answers_differ"
    """With ``redacted=false`` it returns another recording than with ``redacted=true``."""
    UNSTEADY = "unsteady"
    """Each answer is a different recording."""
    TOO_SLOW = "too_slow"


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """The result of one check.

    Attributes:
        found: the code of the finding; None if there is none.
        heard_db: the loudest sample in the spans that must be muted.
    """

    verdict: CanaryVerdict
    found: str | None = None
    heard_db: float | None = None


@dataclass(frozen=True, slots=True)
class CanaryState:
    """The stored state of a canary; while it is frozen, ``found`` is the cause."""

    conversation: str
    team_id: str
    checked_at: datetime
    verdict: CanaryVerdict
    found: str | None
    held_at: datetime | None
    frozen_at: datetime | None
    notified_at: datetime | None


class NothingFrozen(UsageError):
    """There is no freeze to lift."""

    code = "nothing_frozen"
    what = "No deliveries are frozen."
    fix = "Nothing is left to do."


class CanaryStore:
    """Reads and changes the state of canaries."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def read(self) -> tuple[CanaryState, ...]:
        """List every canary that was ever checked, frozen ones first."""
        row = CanaryRow
        query = select(row).order_by(row.frozen_at.is_(None), row.checked_at.desc())
        async with self._database.read() as session:
            return tuple(_state_of(each) for each in await session.scalars(query))

    async def note(self, conversation: str, team_id: str, result: CanaryResult) -> None:
        """Store a result; if the plain key returned raw, deliveries are frozen.

        If it did so for ``redacted=true``, the deletion of each redacted recording that was posted
        since the last check that passed is ordered. No file is deleted before a first check passed:
        the span of a new canary may be wrong.
        """
        now = self.clock()
        async with self._database.write() as session:
            row = await session.get(CanaryRow, conversation)
            if row is None:
                row = CanaryRow(conversation=conversation, team_id=team_id)
                session.add(row)
            row.checked_at, row.verdict = now, result.verdict.value
            if row.frozen_at is None or result.verdict is CanaryVerdict.BROKEN:
                row.found = result.found
            payload: dict[str, PayloadValue] = {"conversation": conversation, "found": result.found}
            taken_back = 0
            if result.found == CanaryFinding.SPAN_HEARD and row.held_at:
                files = posted_since(row.held_at)
                taken_back = await order_take_back(session, TakeBackCause.FROZEN, files, now)
            facts = {**payload, "verdict": result.verdict.value, "heard_db": result.heard_db}
            await record(session, _event(AuditTag.CANARY_CHECKED, row.team_id, now, facts))
            if result.verdict is CanaryVerdict.HELD:
                row.held_at = now
            if result.verdict is CanaryVerdict.BROKEN and row.frozen_at is None:
                row.frozen_at, row.notified_at = now, None
                frozen = {**payload, "ordered_take_backs": taken_back}
                await record(session, _event(AuditTag.CANARY_FROZEN, row.team_id, now, frozen))
                enqueue(session, DueWorkKind.WARN_OF_FREEZE, conversation, now=now)
        level = log.error if result.verdict is CanaryVerdict.BROKEN else log.info
        level("canary_checked", verdict=result.verdict.value, found=result.found)

    async def mark_notified(self, conversation: str) -> None:
        """Store that the admins were notified of the freeze."""
        notified = update(CanaryRow).where(CanaryRow.conversation == conversation)
        async with self._database.write() as session:
            await session.execute(notified.values(notified_at=self.clock()))

    async def thaw(
        self,
        actor_id: str,
        reason: str,
        *,
        team_id: str | None = None,
        trigger_id: str | None = None,
    ) -> int:
        """Lift every freeze, or those of one workspace; returns their number.

        Redacted uploads that are under way or wait for their share are dropped and fetched again,
        because they may be raw. Those of other workspaces as well: the freeze held them too.

        Raises:
            NothingFrozen: there is no freeze.
            AlreadyDone: this trigger lifted it before.
        """
        now = self.clock()
        query = select(CanaryRow).where(CanaryRow.frozen_at.is_not(None)).with_for_update()
        if team_id is not None:
            query = query.where(CanaryRow.team_id == team_id)
        async with self._database.write() as session:
            rows = (await session.scalars(query)).all()
            if not rows:
                raise NothingFrozen
            await claim_once(session, rows[0].team_id, trigger_id, now)
            await session.execute(_lock_redacted_under_way())
            await session.execute(_mark_as_thawed(now))
            dropped: defaultdict[str, list[str]] = defaultdict(list)
            for each in await session.execute(_drop_redacted_uploads()):
                dropped[each.team_id].append(each.id)
            lifted = [(row.team_id, row.conversation) for row in rows]
            others = sorted(dropped.keys() - {team for team, _ in lifted})
            # Each upload is named once, in the chain of its own workspace.
            for team, conversation in lifted + [(each, rows[0].conversation) for each in others]:
                payload: dict[str, PayloadValue] = {
                    "conversation": conversation,
                    "reason": reason,
                    "dropped_uploads": tuple(sorted(dropped.pop(team, ()))),
                }
                await record(session, _event(AuditTag.CANARY_THAWED, team, now, payload, actor_id))
            for row in rows:
                row.frozen_at = None
            # At once: until the next check a key that still returns raw would deliver it.
            enqueue(session, DueWorkKind.CHECK_CANARY, CANARY, now=now)
        return len(rows)


def _redacted_under_way() -> tuple[ColumnElement[bool], ...]:
    row = DeliveryRow
    is_redacted = row.outcome == Outcome.REDACTED.value
    return row.id.in_(under_way()), row.ended_at.is_(None), is_redacted


def _lock_redacted_under_way() -> Select[str]:
    """Build the query that locks them in the order of all transactions."""
    row = DeliveryRow
    return select(row.id).where(*_redacted_under_way()).order_by(row.id).with_for_update()


def _mark_as_thawed(now: datetime) -> Update:
    """Build the update by which no upload that was begun before is stored or shared again.

    So a deletion that the freeze ordered is void, unless somebody has tried to share the upload.
    """
    # Not earlier than the last share attempt, whose time may be from a machine with a fast clock.
    tried_at = DeliveryRow.share_tried_at
    marked = update(DeliveryRow).where(*_redacted_under_way())
    return marked.values(
        thawed_at=case((tried_at > now, tried_at), else_=now),
        taken_back_cause=case((tried_at.is_not(None), DeliveryRow.taken_back_cause)),
    )


def _drop_redacted_uploads() -> ReturningUpdate[str, str]:
    """Build the update of deliveries whose upload nobody has tried to share."""
    row = DeliveryRow
    is_unshared = and_(row.file_id.is_not(None), row.share_tried_at.is_(None))
    waiting = update(row).where(*_redacted_under_way(), is_unshared)
    return waiting.values(**NO_UPLOAD).returning(row.team_id, row.id)


async def schedule_canary(database: Database, now: datetime) -> None:
    """Schedule periodic checks of the canary, starting now, by one of all workers."""
    async with database.write() as session:
        enqueue(session, DueWorkKind.CHECK_CANARY, CANARY, now=now)


def _event(
    tag: AuditTag,
    team_id: str,
    now: datetime,
    payload: dict[str, PayloadValue],
    actor_id: str = SYSTEM_ACTOR,
) -> AuditEvent:
    return AuditEvent(tag=tag, team_id=team_id, actor_id=actor_id, occurred_at=now, payload=payload)


def _state_of(row: CanaryRow) -> CanaryState:
    values = {each.name: getattr(row, each.name) for each in fields(CanaryState)}
    return CanaryState(**{**values, "verdict": CanaryVerdict(row.verdict)})
