"""Whether everybody is granted by name: the quick question, for the commonest answer."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import Right
from bot.access.named import IN_FORCE
from bot.store.tables import UtcDateTime


def _query(granted: str) -> TextClause:
    """Give a row: how many of the asked have a grant and no deny, and of groups how many denies."""
    return text(
        f"""
        SELECT ({granted}), (
            SELECT count(*) FROM grants
            WHERE subject_kind = 'group' AND effect = 'deny' AND {IN_FORCE}
        )
        """  # noqa: S608 - put together from the words in this file
    ).bindparams(bindparam("now", type_=UtcDateTime()))


_ON_SQLITE: Final = _query(
    # Of the two words `deny` is the lesser: whoever has both is denied.
    f"""
    SELECT count(*) FROM json_each(:ids) WHERE 'grant' = (
        SELECT min(effect) FROM grants
        WHERE subject_id = value AND subject_kind = 'user' AND {IN_FORCE}
    )
    """  # noqa: S608 - as above
)
_ON_POSTGRESQL: Final = _query(
    # Without `OFFSET 0` its planner would look up each further column of the index for each id.
    f"""
    SELECT count(DISTINCT subject_id) - count(DISTINCT subject_id) FILTER (WHERE effect = 'deny')
    FROM (
        SELECT subject_id, team_id, "right", subject_kind, effect, starts_at, expires_at, revoked_at
        FROM grants WHERE revoked_at IS NULL
        AND subject_id = ANY(ARRAY(SELECT json_array_elements_text(CAST(:ids AS json)))) OFFSET 0
    ) AS asked WHERE subject_kind = 'user' AND {IN_FORCE}
    """  # noqa: S608 - as above
)


async def are_all_named(
    session: AsyncSession, team_id: str, right: Right, user_ids: Collection[str], now: datetime
) -> bool:
    """Tell whether all have a grant of their own, and no deny is in force, of any group either.

    That is nearly always so where raw is heard, and takes half as long as naming everybody.
    """
    ids = sorted(set(user_ids))
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    rows = await session.execute(
        _ON_SQLITE if is_sqlite else _ON_POSTGRESQL,
        {"team": team_id, "right": right.value, "now": now, "ids": json.dumps(ids)},
    )
    granted, denied_groups = rows.one()
    return bool(granted == len(ids) and not denied_groups)
