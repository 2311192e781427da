"""The earliest time that a scheduled report on access still covers."""

from datetime import datetime

from sqlalchemy import func, select

from bot.digests.digest import DigestKind, RunState
from bot.digests.digest_store import DigestStore
from bot.digests.timetable import Timetable
from bot.digests.timetable_text import timetable_of
from bot.store.database import Database
from bot.store.tables import DigestRow, DigestRunRow


async def counted_since(database: Database, digests: DigestStore, team_id: str) -> datetime:
    """Return the start of the earliest period that a report may count from now on.

    Paused digests count too: they may be resumed or posted by hand.

    Raises:
        UsageError: a timetable cannot be read; this machine may not know its time zone.
    """
    now = digests.clock()
    periods = [
        covered_since(timetable_of(each), now)
        for each in await digests.list(team_id)
        if each.kind is DigestKind.ACCESS
    ]
    unposted = (
        select(func.min(DigestRunRow.covered_since))
        .join(DigestRow, DigestRow.id == DigestRunRow.digest_id)
        .where(DigestRow.team_id == team_id, DigestRunRow.state == RunState.CLAIMED.value)
    )
    async with database.read() as session:
        claimed = await session.scalar(unposted)
    return min([now, *periods, *([claimed] if claimed else [])])


def covered_since(timetable: Timetable, now: datetime) -> datetime:
    """Return the earliest time that the next slot, a late last one, or one on request covers."""
    following = timetable.after(now)
    last = timetable.before(following)
    return min(timetable.before(last), now - (following - last))
