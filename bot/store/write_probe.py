"""Whether the database accepts writes: one that answers may be full or read-only."""

from functools import cache

from sqlalchemy import Executable, func

from bot.store.database import Database
from bot.store.inserts import insert_into
from bot.store.tables import RecentRequestRow


async def takes_writes(database: Database) -> bool:
    """Return whether writes succeed; tries a write without effect unless one succeeded just now.

    Raises:
        DBAPIError: the database does not answer, or refuses it.
    """
    if not database.health.wrote_lately:
        async with database.write(is_short=True) as session:
            await session.execute(_write_without_effect(is_sqlite=database.is_sqlite))
    return database.health.takes_writes


@cache
def _write_without_effect(*, is_sqlite: bool) -> Executable:
    """Build a write under a key that no request has; the row is deleted with the old ones."""
    statement = insert_into(RecentRequestRow, is_sqlite=is_sqlite).values(
        fingerprint="takes_writes", delivery_id="", requested_at=func.now()
    )
    return statement.on_conflict_do_update(
        index_elements=[RecentRequestRow.fingerprint], set_={"requested_at": func.now()}
    )
