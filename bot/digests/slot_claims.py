"""Claims a slot of a digest for one worker, before anything is posted."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import SYSTEM_ACTOR, AuditTag
from bot.audit.log import record
from bot.digests.digest import Digest, DigestKind, RunKey, RunState, Slot
from bot.digests.digest_store import digest_of, event_of
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.idempotency import DOUBLE_SUBMIT_WINDOW, claim_once
from bot.store.inserts import insert_into
from bot.store.tables import DigestRow, DigestRunRow

SETTLED_AFTER: Final = timedelta(minutes=2)
"""A transaction stores the time at which it began to wait for the database, up to a minute before.

A report on access counts rows by that time, so it is made only when none can be missing.
"""


class SlotClaims:
    """Claims slots; the due work that posts each slot is stored in the same transaction."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def active(self, digest_id: str) -> tuple[Digest, datetime] | None:
        """Read a digest, and the time whose later slots are not claimed; None: paused or gone."""
        newest = select(func.max(DigestRunRow.due_at)).where(
            DigestRunRow.digest_id == digest_id, DigestRunRow.asked_by.is_(None)
        )
        async with self._database.read() as session:
            row = await session.get(DigestRow, digest_id)
            if row is None or row.paused_because is not None:
                return None
            claimed = await session.scalar(newest)
        return digest_of(row), max(row.due_since, claimed or row.due_since)

    async def claim(
        self, digest: Digest, to_post: Sequence[Slot], to_skip: Sequence[Slot]
    ) -> list[RunKey]:
        """Claim slots; returns those that no other worker claimed first.

        Nothing is claimed if the digest has changed since it was read.
        """
        now = self.clock()
        unchanged = select(DigestRow.id).where(
            DigestRow.id == digest.id,
            DigestRow.revision == digest.revision,
            DigestRow.paused_because.is_(None),
        )
        async with self._database.write() as session:
            if await session.scalar(unchanged.with_for_update()) is None:
                return []
            skipped = await self._insert(session, digest, to_skip, RunState.SKIPPED)
            claimed = await self._insert(session, digest, to_post, RunState.CLAIMED)
            if skipped:
                event = event_of(
                    AuditTag.DIGEST_SKIPPED,
                    digest,
                    SYSTEM_ACTOR,
                    now,
                    slots=len(skipped),
                    first=min(skipped),
                    last=max(skipped),
                    note="missed",
                )
                await record(session, event)
        return [RunKey(digest.id, local) for local in sorted(claimed)]

    async def ask(
        self,
        digest: Digest,
        slot: Slot,
        actor_id: str,
        *,
        trigger_id: str | None = None,
        sent_at: datetime | None = None,
    ) -> None:
        """Claim a post on request.

        A repeat joins the post that was requested before it: while that post is not finished, and
        within ``DOUBLE_SUBMIT_WINDOW``, counted from when Slack sent the repeat.

        Raises:
            AlreadyDone: this trigger claimed it before.
        """
        now, run = self.clock(), DigestRunRow
        window_began = (sent_at or now) - DOUBLE_SUBMIT_WINDOW
        requested = select(run.slot_local).where(
            run.digest_id == digest.id,
            run.asked_by.is_not(None),
            (run.state == RunState.CLAIMED.value)
            | ((run.state == RunState.POSTED.value) & (run.claimed_at > window_began)),
        )
        locked = select(DigestRow.id).where(DigestRow.id == digest.id).with_for_update()
        async with self._database.write() as session:
            await claim_once(session, digest.team_id, trigger_id, now)
            await session.execute(locked)
            if await session.scalar(requested.limit(1)) is not None:
                return
            if await self._insert(session, digest, [slot], RunState.CLAIMED, asked_by=actor_id):
                event = event_of(AuditTag.DIGEST_ASKED, digest, actor_id, now, slot=slot.local)
                await record(session, event)

    async def forget_older(self, than: timedelta) -> int:
        """Remove old runs, except the newest of each digest; returns their number."""
        row = DigestRunRow
        newest = select(func.max(row.due_at)).group_by(row.digest_id)
        old = (
            delete(row)
            .where(
                row.due_at < self.clock() - than,
                row.state != RunState.CLAIMED.value,
                row.due_at.not_in(newest),
            )
            .returning(row.slot_local)
        )
        async with self._database.write() as session:
            return len((await session.execute(old)).all())

    async def _insert(
        self,
        session: AsyncSession,
        digest: Digest,
        slots: Sequence[Slot],
        state: RunState,
        asked_by: str | None = None,
    ) -> Sequence[str]:
        """Insert a row for each slot that has none; returns the local times of these slots."""
        if not slots:
            return []
        now = self.clock()
        rows = [
            {
                "digest_id": digest.id,
                "slot_local": slot.local,
                "due_at": slot.due_at,
                "covered_since": slot.period.since,
                "asked_by": asked_by,
                "claimed_at": now,
                "lost_answers": 0,
                "state": state.value,
                "ended_at": now if state is RunState.SKIPPED else None,
            }
            for slot in slots
        ]
        statement = insert_into(DigestRunRow, is_sqlite=self._database.is_sqlite)
        new = statement.on_conflict_do_nothing().returning(DigestRunRow.slot_local)
        connection = await session.connection()
        claimed = (await connection.execute(new, rows)).scalars().all()
        if state is RunState.CLAIMED:
            settles = digest.kind is DigestKind.ACCESS and asked_by is None
            for slot in slots:
                if slot.local in claimed:
                    key = str(RunKey(digest.id, slot.local))
                    post_at = slot.due_at + SETTLED_AFTER if settles else None
                    enqueue(session, DueWorkKind.POST_DIGEST, key, now=now, due_at=post_at)
        return claimed
