"""Files that no delivery holds any more: remembered until they are deleted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag
from bot.audit.log import record
from bot.store.database import Database
from bot.store.tables import LeftFileRow

STAYS_UNSEEN_AFTER: Final = timedelta(minutes=15)
"""A worker that stood still completes an upload no later, if it ever does."""


@dataclass(frozen=True, slots=True)
class LeftFile:
    """One such file, and the delivery that it was made for."""

    file_id: str
    delivery_id: str
    team_id: str
    channel_id: str | None
    watched_until_at: datetime


async def leave(session: AsyncSession, files: Iterable[LeftFile], now: datetime) -> None:
    """Remember the files within the transaction that lets go of them."""
    for each in files:
        await session.merge(
            LeftFileRow(
                file_id=each.file_id,
                delivery_id=each.delivery_id,
                team_id=each.team_id,
                channel_id=each.channel_id,
                delete_at=now,
                watched_until_at=each.watched_until_at,
            )
        )


class LeftFiles:
    """Reads and forgets them."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def claim_due(self, limit: int, again_after: timedelta) -> list[LeftFile]:
        """Take those to be deleted now; each is due again after a while, until it is forgotten."""
        due = select(LeftFileRow.file_id).where(LeftFileRow.delete_at <= self._clock())
        first = due.order_by(LeftFileRow.delete_at).limit(limit).with_for_update(skip_locked=True)
        statement = update(LeftFileRow).where(LeftFileRow.file_id.in_(first))
        statement = statement.values(delete_at=self._clock() + again_after)
        async with self._database.write() as session:
            rows = await session.scalars(statement.returning(LeftFileRow))
            return [_left_file(row) for row in rows]

    async def deleted(self, file: LeftFile, cause: str) -> None:
        """Forget a file that was deleted, with its audit event, once it cannot appear any more."""
        now = self._clock()
        if now < file.watched_until_at:
            return
        statement = delete(LeftFileRow).where(LeftFileRow.file_id == file.file_id)
        async with self._database.write() as session:
            gone = await session.scalar(statement.returning(LeftFileRow.file_id))
            if gone is None:
                return
            await record(
                session,
                AuditEvent(
                    tag=AuditTag.FILE_TAKEN_BACK,
                    team_id=file.team_id,
                    actor_id=SYSTEM_ACTOR,
                    occurred_at=now,
                    delivery_id=file.delivery_id,
                    payload={
                        "file_id": file.file_id,
                        "channel_id": file.channel_id,
                        "cause": cause,
                    },
                ),
            )


def _left_file(row: LeftFileRow) -> LeftFile:
    return LeftFile(
        file_id=row.file_id,
        delivery_id=row.delivery_id,
        team_id=row.team_id,
        channel_id=row.channel_id,
        watched_until_at=row.watched_until_at,
    )
