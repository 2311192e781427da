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


def _query(*, granted: str, asked: str) -> TextClause:
    """Give a row: how many of the asked have a grant, and whether a deny may reach one of them.

    Denies are few: that there are none is known from a glance at an index of their own.
    """
    return text(
        f"""
        SELECT ({granted}), EXISTS (
            SELECT 1 FROM grants WHERE effect = 'deny' AND {IN_FORCE}
            AND (subject_kind = 'group' OR subject_id IN ({asked}))
        )
        """  # noqa: S608 - put together from the words in this file
    ).bindparams(bindparam("now", type_=UtcDateTime()))


_ON_SQLITE: Final = _query(
    granted=f"""
        SELECT count(*) FROM json_each(:ids) WHERE EXISTS (
            SELECT 1 FROM grants WHERE subject_id = value
            AND subject_kind = 'user' AND effect = 'grant' AND {IN_FORCE}
        )
        """,  # noqa: S608 - as above
    asked="SELECT value FROM json_each(:ids)",
)
_ON_POSTGRESQL: Final = _query(
    # Without `OFFSET 0` its planner would look up each further column of the index for each id.
    granted=f"""
        SELECT count(DISTINCT subject_id) FROM (
            SELECT subject_id, team_id, "right", subject_kind, effect, starts_at, expires_at,
            revoked_at FROM grants WHERE revoked_at IS NULL
            AND subject_id = ANY(ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))))
            OFFSET 0
        ) AS asked WHERE subject_kind = 'user' AND effect = 'grant' AND {IN_FORCE}
        """,  # noqa: S608 - as above
    asked="SELECT json_array_elements_text(CAST(:ids AS json))",
)


async def are_all_named(
    session: AsyncSession, team_id: str, right: Right, user_ids: Collection[str], now: datetime
) -> bool:
    """Tell whether all have a grant of their own, and no deny is in force, of any group either.

    That is nearly always so where raw is heard, and takes half as long as naming everybody.
    """
    # In the order of the index, which then is read from front to back.
    ids = sorted(dict.fromkeys(user_ids))
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    rows = await session.execute(
        _ON_SQLITE if is_sqlite else _ON_POSTGRESQL,
        {"team": team_id, "right": right.value, "now": now, "ids": json.dumps(ids)},
    )
    granted, may_be_denied = rows.one()
    return bool(granted == len(ids) and not may_be_denied)
