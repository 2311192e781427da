"""Stores digests; each change shares a transaction with its audit event."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update

from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag
from bot.audit.log import record
from bot.digests.digest import Digest, DigestKind, PauseCause, RunState
from bot.digests.digest_draft import Draft
from bot.digests.timetable_text import timetable_of
from bot.errors import UsageError
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.idempotency import claim_once
from bot.store.inserts import insert_into
from bot.store.tables import DigestRow, DigestRunRow


class DigestUnknown(UsageError):
    """No digest of that id in this workspace."""

    code = "digest_unknown"
    what = "There is no such digest."
    likely_cause = "It was removed, or its id has a typing mistake."
    fix = "`/callaudio-admin digest list` shows the ids."


class DigestStore:
    """Reads and changes digests."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def add(self, draft: Draft, *, team_id: str, owner_id: str, actor_id: str) -> Digest:
        """Store a draft as a digest; its slots count from now.

        Raises:
            AlreadyDone: it was stored by the same request, and has been removed since.
        """
        now = self.clock()
        statement = insert_into(DigestRow, is_sqlite=self._database.is_sqlite).values(
            {
                **asdict(draft),
                "kind": draft.kind.value,
                "team_id": team_id,
                "owner_id": owner_id,
                "created_at": now,
                "due_since": now,
                "revision": 1,
            }
        )
        async with self._database.write() as session:
            once = statement.on_conflict_do_nothing().returning(DigestRow.id)
            is_new = await session.scalar(once) is not None
            digest = digest_of(await session.get_one(DigestRow, draft.id))
            if is_new:
                await claim_once(session, team_id, draft.id, now)
                enqueue(session, DueWorkKind.CLAIM_DIGEST_SLOTS, digest.id, now=now)
                await record(session, event_of(AuditTag.DIGEST_ADDED, digest, actor_id, now))
        return digest

    async def read(self, digest_id: str, team_id: str | None = None) -> Digest:
        """Read one digest; with ``team_id``, of this workspace only.

        Raises:
            DigestUnknown: there is no such digest.
        """
        async with self._database.read() as session:
            row = await session.get(DigestRow, digest_id)
        if row is None or team_id not in (None, row.team_id):
            raise DigestUnknown
        return digest_of(row)

    async def list(self, team_id: str | None = None) -> tuple[Digest, ...]:
        """List the digests of a workspace, or of all workspaces, oldest first."""
        query = select(DigestRow).order_by(DigestRow.created_at, DigestRow.id)
        if team_id is not None:
            query = query.where(DigestRow.team_id == team_id)
        async with self._database.read() as session:
            return tuple(digest_of(row) for row in await session.scalars(query))

    async def counted_since(self, team_id: str) -> datetime:
        """Return the start of the earliest period that a report on access may count from now on.

        Paused digests count too: they may be resumed or posted by hand.

        Raises:
            UsageError: a timetable cannot be read; this machine may not know its time zone.
        """
        now = self.clock()
        since = [
            timetable_of(each).covered_since(now)
            for each in await self.list(team_id)
            if each.kind is DigestKind.ACCESS
        ]
        unposted = (
            select(func.min(DigestRunRow.covered_since))
            .join(DigestRow, DigestRow.id == DigestRunRow.digest_id)
            .where(DigestRow.team_id == team_id, DigestRunRow.state == RunState.CLAIMED.value)
        )
        async with self._database.read() as session:
            claimed = await session.scalar(unposted)
        return min([now, *since, *([claimed] if claimed else [])])

    async def pause(self, digest: Digest, actor_id: str, trigger_id: str | None = None) -> None:
        """Pause a digest, unless it is paused already.

        Raises:
            AlreadyDone: this trigger paused it before.
        """
        await self._set_paused(digest, PauseCause.ASKED, actor_id, trigger_id)

    async def resume(self, digest: Digest, actor_id: str, trigger_id: str | None = None) -> None:
        """Resume a digest; slots that were due during the pause are not posted.

        Raises:
            AlreadyDone: this trigger resumed it before.
        """
        await self._set_paused(digest, None, actor_id, trigger_id)

    async def pause_all(self, team_id: str) -> int:
        """Pause every digest of a workspace that removed the app; returns how many this did."""
        running = select(DigestRow.id).where(
            DigestRow.team_id == team_id, DigestRow.paused_because.is_(None)
        )
        statement = (
            update(DigestRow)
            .where(DigestRow.id.in_(running.order_by(DigestRow.id).with_for_update()))
            .values(paused_because=PauseCause.REMOVED.value, revision=DigestRow.revision + 1)
            .returning(DigestRow)
        )
        now, tag, cause = self.clock(), AuditTag.DIGEST_SUSPENDED, PauseCause.REMOVED.value
        async with self._database.write() as session:
            paused = [digest_of(row) for row in await session.scalars(statement)]
            for each in paused:
                await record(session, event_of(tag, each, SYSTEM_ACTOR, now, cause=cause))
        return len(paused)

    async def remove(self, digest: Digest, actor_id: str) -> None:
        """Delete a digest and its runs; its audit events stay."""
        async with self._database.write() as session:
            gone = delete(DigestRow).where(DigestRow.id == digest.id).returning(DigestRow.id)
            if await session.scalar(gone):
                await session.execute(
                    delete(DigestRunRow).where(DigestRunRow.digest_id == digest.id)
                )
                event = event_of(AuditTag.DIGEST_REMOVED, digest, actor_id, self.clock())
                await record(session, event)

    async def follow(self, team_id: str, old_channel_id: str, new_channel_id: str) -> None:
        """Handle a changed channel id: redirect the digests of that channel."""
        there = select(DigestRow.id).where(
            DigestRow.team_id == team_id, DigestRow.channel_id == old_channel_id
        )
        statement = (
            update(DigestRow)
            .where(DigestRow.id.in_(there.order_by(DigestRow.id).with_for_update()))
            .values(channel_id=new_channel_id, revision=DigestRow.revision + 1)
            .returning(DigestRow)
        )
        now, tag, moved = self.clock(), AuditTag.DIGEST_MOVED, {"from_channel_id": old_channel_id}
        async with self._database.write() as session:
            for row in await session.scalars(statement):
                # A worker that read the digest before claims nothing of it.
                enqueue(session, DueWorkKind.CLAIM_DIGEST_SLOTS, row.id, now=now)
                await record(session, event_of(tag, digest_of(row), SYSTEM_ACTOR, now, **moved))

    async def _set_paused(
        self, digest: Digest, cause: PauseCause | None, actor_id: str, trigger_id: str | None
    ) -> None:
        now, row = self.clock(), DigestRow
        changes: dict[str, Any] = {"paused_because": cause and cause.value}
        tag, is_other = AuditTag.DIGEST_PAUSED, row.paused_because.is_(None)
        if cause is None:
            changes["due_since"] = now
            tag, is_other = AuditTag.DIGEST_RESUMED, row.paused_because.is_not(None)
        statement = (
            update(row)
            .where(row.id == digest.id, is_other)
            .values(revision=row.revision + 1, **changes)
            .returning(row.id)
        )
        async with self._database.write() as session:
            await claim_once(session, digest.team_id, trigger_id, now)
            if await session.scalar(statement):
                enqueue(session, DueWorkKind.CLAIM_DIGEST_SLOTS, digest.id, now=now)
                await record(session, event_of(tag, digest, actor_id, now))


def digest_of(row: DigestRow) -> Digest:
    """Read a row as a frozen value."""
    return Digest(
        id=row.id,
        team_id=row.team_id,
        kind=DigestKind(row.kind),
        channel_id=row.channel_id,
        agent_name=row.agent_name,
        timetable=row.timetable,
        zone=row.zone,
        owner_id=row.owner_id,
        paused_because=row.paused_because,
        revision=row.revision,
    )


def event_of(
    tag: AuditTag, digest: Digest, actor_id: str, now: datetime, **more: str | int | None
) -> AuditEvent:
    """Build the audit event of a change of a digest."""
    payload = {"digest_id": digest.id, "kind": digest.kind.value, "channel_id": digest.channel_id}
    return AuditEvent(
        tag=tag,
        team_id=digest.team_id,
        actor_id=actor_id,
        occurred_at=now,
        payload={**payload, **more},
    )
