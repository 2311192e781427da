"""Stores redaction checks; each step has an audit event."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from functools import partial

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record
from bot.ids import new_id
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.deliveries.unsafe_redacted_files import of_recording, order_take_back
from bot.recordings.redaction.outcome import Comparison, described
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.idempotency import claim_once
from bot.store.tables import RedactionCheckRow


class CheckCause(StrEnum):
    """The cause of a check."""

    ASKED = "asked"
    SAMPLE = "sample"
    DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class Check:
    """A requested check."""

    team_id: str
    cause: CheckCause
    agent_name: str
    conversation_id: str
    asked_by: str = SYSTEM_ACTOR
    direction: Direction = Direction.COMBINED
    delivery_id: str | None = None
    says: str | None = None
    """The outcome in words; None while it has not ended."""
    id: str = field(default_factory=partial(new_id, "k-", 16))


class CheckStore:
    """Reads and changes checks."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def read(self, check_id: str) -> Check:
        """Read one.

        Raises:
            LookupError: there is no check of this id.
        """
        async with self._database.read() as session:
            row = await session.get(RedactionCheckRow, check_id)
        if row is None:
            msg = f"no check {check_id}"
            raise LookupError(msg)
        values = {each.name: getattr(row, each.name) for each in fields(Check)}
        values |= {"cause": CheckCause(row.cause), "direction": Direction(row.direction)}
        return Check(**values)

    async def ask(self, check: Check, *, trigger_id: str | None) -> None:
        """Store a check for a worker, once for each trigger.

        Raises:
            AlreadyDone: this trigger requested it before.
        """
        now = self.clock()
        async with self._database.write() as session:
            await claim_once(session, check.team_id, trigger_id, now)
            add_due_check(session, check, now)

    async def note_raw_requested(self, check: Check) -> None:
        """Record that the raw recording is about to be requested, by whom and why."""
        async with self._database.write() as session:
            await record(session, self._event(check, AuditTag.REDACTION_RAW_REQUESTED, {}))

    async def end(self, check: Check, found: Comparison) -> bool:
        """Store the outcome once, and order what follows; returns whether this call did."""
        row, now = RedactionCheckRow, self.clock()
        outcome = {"ended_at": now, "verdict": found.verdict.value, "says": described(found)}
        ended = update(row).where(row.id == check.id, row.ended_at.is_(None)).values(**outcome)
        async with self._database.write() as session:
            if await session.scalar(ended.returning(row.id)) is None:
                return False
            await self._record_outcome(session, check, found, now)
        return True

    async def add_ended(self, check: Check, found: Comparison, *, began_at: datetime) -> None:
        """Store a finished check, and order what follows from its outcome.

        ``began_at``: before its recordings were requested.
        """
        row, now = _row_of(check, began_at), self.clock()
        row.ended_at, row.verdict, row.says = now, found.verdict.value, described(found)
        async with self._database.write() as session:
            session.add(row)
            await self._record_outcome(session, check, found, now)

    async def _record_outcome(
        self, session: AsyncSession, check: Check, found: Comparison, now: datetime
    ) -> None:
        """Record the outcome; if the recording differs, order the deletion of its posted files."""
        if found.verdict is Verdict.DIFFERS:
            files = of_recording(check.team_id, check.agent_name, check.conversation_id)
            await order_take_back(session, TakeBackCause.REDACTION_DIFFERS, files, now)
        event = self._event(check, AuditTag.REDACTION_CHECKED, _facts_of(found))
        await record(session, event)

    def _event(self, check: Check, tag: AuditTag, facts: dict[str, PayloadValue]) -> AuditEvent:
        return AuditEvent(
            tag=tag,
            team_id=check.team_id,
            actor_id=check.asked_by,
            occurred_at=self.clock(),
            delivery_id=check.delivery_id,
            payload={
                "check_id": check.id,
                "cause": check.cause.value,
                "conversation_id": check.conversation_id,
                "agent": check.agent_name,
                "direction": check.direction.value,
                **facts,
            },
        )


def add_due_check(session: AsyncSession, check: Check, now: datetime) -> None:
    """Store a check for a worker, in the caller's transaction."""
    session.add(_row_of(check, now))
    enqueue(session, DueWorkKind.CHECK_REDACTION, check.id, now=now)


def _row_of(check: Check, now: datetime) -> RedactionCheckRow:
    return RedactionCheckRow(**asdict(check), requested_at=now)


def _facts_of(found: Comparison) -> dict[str, PayloadValue]:
    """Convert an outcome to codes, counts and levels."""
    first = found.heard.kept[0].start_seconds if found.heard.kept else None
    return {
        "verdict": found.verdict.value,
        "doubt": found.uncertainty.value if found.uncertainty else None,
        "length_seconds": round(found.length_seconds, 3),
        "muted_spans": found.muted.count,
        "muted_seconds": round(found.muted.seconds, 3),
        "heard_spans": found.heard.count,
        "heard_seconds": round(found.heard.seconds, 3),
        "heard_first_at_seconds": None if first is None else round(first, 3),
        "heard_db": found.heard_db,
    }
