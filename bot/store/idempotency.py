"""Idempotency keys of changes: a request that is sent again changes nothing.

Slack's signature is valid for five minutes, so a captured request can be replayed in that time.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import UsageError
from bot.store.database import Database
from bot.store.inserts import insert_into, is_on_sqlite
from bot.store.tables import RecentRequestRow

KEPT: Final = timedelta(minutes=15)
"""Longer than Slack's signature is valid, with a margin for clock skew."""
CHANGE: Final = "change"
# People press Enter twice, because Slack leaves the text in the box. While the first request is
# being carried out, later ones join it: after "it may still be done" people try again in a minute.
DOUBLE_SUBMIT_WINDOW: Final = timedelta(seconds=10)


class AlreadyDone(UsageError):
    """The same request was carried out before."""

    code = "already_done"
    what = "I have already done that."
    likely_cause = "The same request came twice. The second time I changed nothing."
    fix = "Nothing is left to do; `/callaudio-admin list` shows what is in force."


async def claim_once(
    session: AsyncSession, team_id: str, idempotency_key: str | None, now: datetime
) -> None:
    """Store the idempotency key of a change in its transaction: a trigger, or the id of a draft.

    Without a key, as from a terminal, nothing is stored.

    Raises:
        AlreadyDone: another transaction stored the key; a concurrent one is waited for.
    """
    if idempotency_key is None:
        return
    fingerprint = hashed(CHANGE, team_id, idempotency_key)
    statement = insert_into(RecentRequestRow, is_sqlite=is_on_sqlite(session)).values(
        fingerprint=fingerprint, delivery_id=CHANGE, requested_at=now
    )
    once = statement.on_conflict_do_nothing().returning(RecentRequestRow.fingerprint)
    if await session.scalar(once) is None:
        raise AlreadyDone


async def forget_recent(database: Database, now: datetime) -> int:
    """Delete keys that cannot be used again, except locked ones; returns their number."""
    row = RecentRequestRow
    over = select(row.fingerprint).where(row.requested_at < now - KEPT)
    gone = delete(row).where(row.fingerprint.in_(over.with_for_update(skip_locked=True)))
    async with database.write() as session:
        return len((await session.scalars(gone.returning(row.fingerprint))).all())


def hashed(*parts: str) -> str:
    """Hash the parts, so that the result identifies them and reveals none of them."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
