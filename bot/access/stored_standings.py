"""One query for the stored standings of many people."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Standing
from bot.store.tables import UtcDateTime


def _query(*, asked: str, gathered: str) -> TextClause:
    """Build a query that returns a row for each standing, with the people's ids as JSON."""
    return text(
        f"""
        SELECT standing, CAST({gathered}(user_id) AS TEXT) FROM {asked} CROSS JOIN standings
        WHERE user_id = value AND team_id = :team AND standing IS NOT NULL AND learnt_at > :since
        GROUP BY standing
        """  # noqa: S608 - put together from the words in this file
    ).bindparams(bindparam("since", type_=UtcDateTime()))


_ON_SQLITE: Final = _query(asked="json_each(:ids)", gathered="json_group_array")
_ON_POSTGRESQL: Final = _query(
    asked="json_array_elements_text(CAST(:ids AS json))", gathered="json_agg"
)


async def read_stored_standings(
    session: AsyncSession, team_id: str, user_ids: Collection[str], since: datetime
) -> dict[str, Standing]:
    """Read the standings stored after ``since``; people without one are left out."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    rows = await session.execute(
        _ON_SQLITE if is_sqlite else _ON_POSTGRESQL,
        {"team": team_id, "since": since, "ids": json.dumps(sorted(user_ids))},
    )
    return {user_id: Standing(standing) for standing, ids in rows for user_id in json.loads(ids)}
