"""When a user group last changed, according to events; stored for the other processes."""

from datetime import datetime

from sqlalchemy import select

from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.inserts import insert_into
from bot.store.tables import GroupChangeRow


class GroupChanges:
    """Keeps the time of each group's last change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, team_id: str, group_id: str, now: datetime) -> None:
        """Store that the group changed, and schedule a check of what its rights allowed."""
        new = insert_into(GroupChangeRow, is_sqlite=self._database.is_sqlite).values(
            team_id=team_id, group_id=group_id, changed_at=now
        )
        replacing = new.on_conflict_do_update(
            index_elements=[GroupChangeRow.team_id, GroupChangeRow.group_id],
            set_={"changed_at": new.excluded.changed_at},
        )
        async with self._database.write() as session:
            await session.execute(replacing)
            enqueue(session, DueWorkKind.RECHECK_RIGHTS, team_id, now=now)

    async def latest(self, team_id: str, group_id: str) -> datetime | None:
        """Return when the group last changed, or None."""
        key = (GroupChangeRow.team_id == team_id) & (GroupChangeRow.group_id == group_id)
        async with self._database.read() as session:
            return await session.scalar(select(GroupChangeRow.changed_at).where(key))
