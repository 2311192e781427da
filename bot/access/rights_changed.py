"""Due work after a change of rights: what the former rights allowed is checked again at once.

It is stored in the transaction of the change. So the check also follows a change whose commit was
not answered, or whose process was killed right after it.
"""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.schedule import schedule

RECHECK_RIGHTS: Final = "recheck_rights"
"""Has raw files and Homes of a workspace checked; its key is the team's id."""


def rights_changed(session: AsyncSession, team_id: str, now: datetime) -> None:
    """Have what depends on the rights in the workspace checked, once this is committed."""
    schedule(session, RECHECK_RIGHTS, team_id, now=now)
