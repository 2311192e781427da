"""One query for whether a whole audience is cleared, the most common case."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, bindparam, text

from bot.access.grants import Right
from bot.access.grants_in_force import IN_FORCE
from bot.concurrency.gather import every
from bot.store.database import Database, is_few
from bot.store.tables import UtcDateTime

TOGETHER: Final = 1000
"""The most people in one query; a larger audience is split in two that run in parallel."""


def _query(*, cleared: str, asked: str) -> TextClause:
    """Build a query for the number of cleared people, and whether a deny may hold for one.

    Denies are rare and have an index of their own, so this costs one index look-up.
    """
    return text(
        f"""
        SELECT ({cleared}), EXISTS (
            SELECT 1 FROM grants WHERE effect = 'deny' AND {IN_FORCE}
            AND (subject_kind = 'group' OR subject_id IN ({asked}))
        )
        """  # noqa: S608 - put together from the words in this file
    ).bindparams(bindparam("now", type_=UtcDateTime()), bindparam("since", type_=UtcDateTime()))


# Members and guests with a grant by name; bots are not listeners. See policy.may_listen.
_ON_SQLITE: Final = _query(
    cleared=f"""
        SELECT count(*) FROM json_each(:ids) CROSS JOIN standings
        ON user_id = value AND standings.team_id = :team AND learnt_at > :since
        WHERE standing = 'bot' OR (standing IN ('member', 'guest') AND EXISTS (
            SELECT 1 FROM grants WHERE subject_id = value
            AND subject_kind = 'user' AND effect = 'grant' AND {IN_FORCE}
        ))
        """,  # noqa: S608 - as above
    asked="SELECT value FROM json_each(:ids)",
)
_ON_POSTGRESQL: Final = _query(
    # `OFFSET 0` stops the planner from using each further index column for each id.
    cleared=f"""
        SELECT count(*) FROM json_array_elements_text(CAST(:ids AS json)) JOIN standings
        ON user_id = value AND standings.team_id = :team AND learnt_at > :since
        WHERE (standing = 'bot' OR (standing IN ('member', 'guest') AND user_id IN (
            SELECT subject_id FROM (
                SELECT subject_id, team_id, "right", subject_kind, effect, starts_at, expires_at,
                revoked_at FROM grants WHERE revoked_at IS NULL
                AND subject_id = ANY(ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))))
                OFFSET 0
            ) AS asked WHERE subject_kind = 'user' AND effect = 'grant' AND {IN_FORCE}
        )))
        """,  # noqa: S608 - as above
    asked="SELECT json_array_elements_text(CAST(:ids AS json))",
)


async def are_all_cleared(
    database: Database, team_id: str, user_ids: Collection[str], *, now: datetime, since: datetime
) -> bool:
    """Return whether all are stored as bots, or as members or guests with a grant by name.

    It is False if a deny of `pii` may hold for one of them. Standings older than ``since`` do not
    count. Where raw is played this is nearly always True, and it takes half as long as reading
    every person. A large audience is split in two parallel queries to use two cores.
    """
    # Sorted, so that the index is scanned from front to back.
    ids = sorted(dict.fromkeys(user_ids))
    middle = len(ids) // 2 if len(ids) > TOGETHER else len(ids)

    async def are_cleared(some: Collection[str]) -> bool:
        asked = {"right": Right.PII.value, "ids": json.dumps(some)}
        async with database.read(is_short=is_few(some)) as session:
            rows = await session.execute(
                _ON_SQLITE if database.is_sqlite else _ON_POSTGRESQL,
                {"team": team_id, "now": now, "since": since, **asked},
            )
            cleared, may_be_denied = rows.one()
        return bool(cleared == len(some) and not may_be_denied)

    halves = [half for half in (ids[:middle], ids[middle:]) if half]
    return all(await every(map(are_cleared, halves)))
