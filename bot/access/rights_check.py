"""Schedules a check after a change of rights: of raw files and Homes that the old rights allowed.

It is stored in the transaction of the change, so that it also runs if the answer to the commit is
lost or the process is killed right after it.
"""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.enqueue import enqueue

RECHECK_RIGHTS: Final = "recheck_rights"
"""The kind of due work that checks the raw files and Homes of a workspace; its key is the team."""


def schedule_rights_check(session: AsyncSession, team_id: str, now: datetime) -> None:
    """Schedule the check in the transaction of the change; it is due once that commits."""
    enqueue(session, RECHECK_RIGHTS, team_id, now=now)
