"""Stores the result of a claimed slot; each change shares a transaction with its audit event."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import SYSTEM_ACTOR, AuditTag
from bot.audit.log import record
from bot.digests.digest import Digest, PauseCause, Period, Run, RunKey, RunState, Slot
from bot.digests.digest_store import digest_of, event_of
from bot.digests.zone_names import zone_of
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import DigestRow, DigestRunRow

MAX_MISSED_NAMED: Final = 20
POST_UNCLEAR: Final = "digest_post_unclear"


class RunStore:
    """Reads runs and ends each once."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def read(self, key: RunKey) -> Run | None:
        """Read a run with its digest; None if the digest has been removed."""
        async with self._database.read() as session:
            row = await session.get(DigestRunRow, (key.digest_id, key.slot_local))
            digest = await session.get(DigestRow, key.digest_id)
        return _run(row, digest_of(digest)) if row and digest else None

    async def missed_before(self, run: Run) -> tuple[str, ...]:
        """List the slots since the last post that were not posted, oldest first."""
        row = DigestRunRow
        of_digest = (row.digest_id == run.digest.id, row.asked_by.is_(None))
        last_post = select(func.max(row.due_at)).where(
            *of_digest, row.state == RunState.POSTED.value, row.due_at < run.slot.due_at
        )
        query = (
            select(row.slot_local)
            .where(
                *of_digest,
                row.state.in_([RunState.SKIPPED.value, RunState.FAILED.value]),
                row.due_at < run.slot.due_at,
                func.coalesce(row.note, "") != POST_UNCLEAR,  # that post may be there
            )
            .order_by(row.due_at.desc())
        )
        async with self._database.read() as session:
            since = await session.scalar(last_post)
            if since:
                query = query.where(row.due_at > since)
            found = await session.scalars(query.limit(MAX_MISSED_NAMED))
            return tuple(reversed(found.all()))

    async def note_try(self, run: Run) -> None:
        """Store that a post is about to be made: from here on it may be visible."""
        tried_at = func.coalesce(DigestRunRow.post_tried_at, self._clock())
        await self._change(run, post_tried_at=tried_at)

    async def forget_try(self, run: Run) -> None:
        """Undo ``note_try``: the post was certainly not made."""
        await self._change(run, post_tried_at=run.post_tried_at)

    async def note_lost_answer(self, run: Run) -> None:
        """Store that Slack did not confirm the post."""
        await self._change(run, lost_answers=DigestRunRow.lost_answers + 1)

    async def posted(self, run: Run, ts: str) -> None:
        """End a run as posted."""
        changes = {"state": RunState.POSTED.value, "ts": ts}
        await self._end(run, changes, AuditTag.DIGEST_POSTED, ts=ts)

    async def skip(self, run: Run, note: str) -> None:
        """End a run that is no longer needed."""
        changes = {"state": RunState.SKIPPED.value, "note": note}
        await self._end(run, changes, AuditTag.DIGEST_SKIPPED, note=note)

    async def fail(self, run: Run, code: str) -> None:
        """End a run that could not be posted."""
        changes = {"state": RunState.FAILED.value, "note": code}
        await self._end(run, changes, AuditTag.DIGEST_FAILED, code=code)

    async def suspend(self, run: Run, cause: PauseCause) -> None:
        """Pause the digest, and end the run that found the cause; one of several runs does it.

        A run that has ended, by another worker, found nothing: the digest stays as it is.
        """
        is_claimed = select(DigestRunRow.slot_local).where(
            *_is(run), DigestRunRow.state == RunState.CLAIMED.value
        )
        pause = (
            update(DigestRow)
            .where(DigestRow.id == run.digest.id, DigestRow.paused_because.is_(None))
            .where(is_claimed.exists())
            .values(paused_because=cause.value, revision=DigestRow.revision + 1)
            .returning(DigestRow.id)
        )
        async with self._database.write() as session:
            is_pausing = await session.scalar(pause) is not None
            state = RunState.SUSPENDED if is_pausing else RunState.SKIPPED
            tag = AuditTag.DIGEST_SUSPENDED if is_pausing else AuditTag.DIGEST_SKIPPED
            changes = {"state": state.value, "note": cause.value}
            if is_pausing:
                enqueue(session, DueWorkKind.NOTIFY_DIGEST_OWNER, str(run.key), now=self._clock())
            await self._end_in(session, run, changes, tag, note=cause.value)

    async def _change(self, run: Run, **values: Any) -> None:  # noqa: ANN401 - columns
        async with self._database.write() as session:
            await session.execute(_of(run).values(**values))

    async def _end(self, run: Run, changes: dict[str, str], tag: AuditTag, **facts: str) -> None:
        async with self._database.write() as session:
            await self._end_in(session, run, changes, tag, **facts)

    async def _end_in(
        self, session: AsyncSession, run: Run, changes: dict[str, str], tag: AuditTag, **facts: str
    ) -> None:
        now = self._clock()
        ended = _of(run).where(DigestRunRow.state == RunState.CLAIMED.value)
        statement = ended.values(ended_at=now, **changes).returning(DigestRunRow.slot_local)
        if await session.scalar(statement):
            actor_id = run.asked_by or SYSTEM_ACTOR
            event = event_of(tag, run.digest, actor_id, now, slot=run.slot.local, **facts)
            await record(session, event)


def _of(run: Run) -> Any:  # noqa: ANN401 - an update statement, whose type names all its parts
    return update(DigestRunRow).where(*_is(run))


def _is(run: Run) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return DigestRunRow.digest_id == run.digest.id, DigestRunRow.slot_local == run.slot.local


def _run(row: DigestRunRow, digest: Digest) -> Run:
    period = Period(row.covered_since, row.due_at, zone_of(digest.zone))
    return Run(
        digest=digest,
        slot=Slot(row.slot_local, row.due_at, period),
        asked_by=row.asked_by,
        post_tried_at=row.post_tried_at,
        lost_answers=row.lost_answers,
        state=RunState(row.state),
    )
