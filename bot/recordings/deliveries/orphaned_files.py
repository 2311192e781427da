"""Orphaned files: no delivery refers to them any more, so they are deleted from Slack."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag
from bot.audit.log import record
from bot.recordings.deliveries.delivery import Delivery
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import OrphanedFileRow

STAYS_UNSEEN_AFTER: Final = timedelta(minutes=15)
"""After this time a stalled worker no longer completes an upload."""


@dataclass(frozen=True, slots=True)
class OrphanedFile:
    """An orphaned file and its former delivery."""

    file_id: str
    delivery_id: str
    team_id: str
    channel_id: str | None
    watched_until_at: datetime


async def store_orphaned(
    session: AsyncSession,
    delivery: Delivery,
    file_ids: Iterable[str],
    *,
    until: datetime,
    now: datetime,
) -> None:
    """Store files as orphaned, in the transaction that detaches them from their delivery."""
    for file_id in file_ids:
        await session.merge(
            OrphanedFileRow(
                file_id=file_id,
                delivery_id=delivery.id,
                team_id=delivery.team_id,
                channel_id=delivery.channel_id,
                watched_until_at=until,
            )
        )
        enqueue(session, DueWorkKind.DELETE_ORPHANED_FILE, file_id, now=now)


class OrphanedFiles:
    """Reads and removes orphaned files."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def read(self, file_id: str) -> OrphanedFile | None:
        """Read one of them."""
        async with self._database.read() as session:
            row = await session.get(OrphanedFileRow, file_id)
        if row is None:
            return None
        return OrphanedFile(
            file_id=row.file_id,
            delivery_id=row.delivery_id,
            team_id=row.team_id,
            channel_id=row.channel_id,
            watched_until_at=row.watched_until_at,
        )

    async def remove_deleted(self, file: OrphanedFile, cause: str) -> bool:
        """Remove a file that was deleted, with its audit event; returns whether it is done.

        It is not done while Slack may still make the file visible.
        """
        now = self._clock()
        if now < file.watched_until_at:
            return False
        deleted = AuditEvent(
            tag=AuditTag.FILE_TAKEN_BACK,
            team_id=file.team_id,
            actor_id=SYSTEM_ACTOR,
            occurred_at=now,
            delivery_id=file.delivery_id,
            payload={"file_id": file.file_id, "channel_id": file.channel_id, "cause": cause},
        )
        statement = delete(OrphanedFileRow).where(OrphanedFileRow.file_id == file.file_id)
        async with self._database.write() as session:
            if await session.scalar(statement.returning(OrphanedFileRow.file_id)):
                await record(session, deleted)
        return True
