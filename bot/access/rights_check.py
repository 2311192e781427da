"""Schedules a check after a change of rights: of raw files and Homes that the old rights allowed.

It is stored in the transaction of the change, so that it also runs if the answer to the commit is
lost or the process is killed right after it.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue


def schedule_rights_check(session: AsyncSession, team_id: str, now: datetime) -> None:
    """Schedule the check in the transaction of the change; it is due once that commits."""
    enqueue(session, DueWorkKind.RECHECK_RIGHTS, team_id, now=now)
