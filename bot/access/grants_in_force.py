"""The grants and denies in force for some people and for all groups: one query per decision."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, bindparam, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import Right, SubjectKind, in_force
from bot.store.inserts import is_on_sqlite
from bot.store.tables import GrantRow, UtcDateTime

IN_FORCE: Final = (
    'revoked_at IS NULL AND team_id = :team AND "right" = :right AND starts_at <= :now '
    "AND (expires_at IS NULL OR expires_at > :now)"
)
"""The SQL condition for a grant or deny of ``:right`` in force in the workspace ``:team``."""


def _query(*, asked: str, named: str, gathered: str, pair: str) -> TextClause:
    """Build a query that returns one row for people and one for groups, with their ids as JSON.

    Each group comes with the giver of the grant, because the grant does not count for its giver.

    The rows of the ids are read first (`MATERIALIZED`) and filtered afterwards. Otherwise
    PostgreSQL looks up each further column of the index for each id, which takes ten times as long.
    """
    of_effect = "CAST({}({}) FILTER (WHERE effect = '{}') AS TEXT)"
    who, which = (
        ", ".join(of_effect.format(gathered, column, effect) for effect in ("grant", "deny"))
        for column in ("subject_id", f"{pair}(subject_id, given_by)")
    )
    return text(
        f"""
        WITH asked AS {asked} (
            SELECT subject_id, team_id, "right", subject_kind, effect, starts_at, expires_at,
            revoked_at FROM grants WHERE revoked_at IS NULL AND subject_id {named}
        )
        SELECT 'user', {who} FROM asked WHERE subject_kind = 'user' AND {IN_FORCE}
        UNION ALL
        SELECT 'group', {which} FROM grants
        WHERE subject_kind = 'group' AND {IN_FORCE}
        """  # noqa: S608 - put together from the words in this file
    ).bindparams(bindparam("now", type_=UtcDateTime()))


_ON_SQLITE: Final = _query(
    asked="",
    named="IN (SELECT value FROM json_each(:ids))",
    gathered="json_group_array",
    pair="json_array",
)
_ON_POSTGRESQL: Final = _query(
    asked="MATERIALIZED",
    named="= ANY(ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))))",
    gathered="json_agg",
    pair="json_build_array",
)


@dataclass(frozen=True, slots=True)
class GrantsInForce:
    """The grants and denies of one right: by name for some people, and for all groups."""

    granted: frozenset[str]
    denied: frozenset[str]
    granted_groups: frozenset[tuple[str, str]]
    """Each group with the giver of its grant."""
    denied_groups: frozenset[str]


async def read_grants_in_force(
    session: AsyncSession, team_id: str, right: Right, user_ids: Collection[str], now: datetime
) -> GrantsInForce:
    """Read every grant and deny in force at ``now`` that could concern ``user_ids``.

    All ids are one parameter, and all people found are one row, so that ten thousand people cost
    little more than an index look-up each.
    """
    rows = await session.execute(
        _ON_SQLITE if is_on_sqlite(session) else _ON_POSTGRESQL,
        # Sorted, so that the index is scanned from front to back.
        {"team": team_id, "right": right.value, "now": now, "ids": json.dumps(sorted(user_ids))},
    )
    found = {
        kind: [json.loads(column or "[]") for column in by_effect] for kind, *by_effect in rows
    }
    granted, denied = found[SubjectKind.USER.value]
    granted_groups, denied_groups = found[SubjectKind.GROUP.value]
    return GrantsInForce(
        granted=frozenset(granted),
        denied=frozenset(denied),
        granted_groups=frozenset((group_id, giver) for group_id, giver in granted_groups),
        denied_groups=frozenset(group_id for group_id, _ in denied_groups),
    )


async def granted_admins(
    session: AsyncSession, team_id: str, now: datetime
) -> list[tuple[str, datetime | None]]:
    """List the people, without groups, who have a grant of `admin`, and when each grant ends."""
    granted = select(GrantRow.subject_id, GrantRow.expires_at).where(
        GrantRow.team_id == team_id,
        # A literal, so that the planners can use the partial index of admins.
        GrantRow.right == literal(Right.ADMIN.value, literal_execute=True),
        GrantRow.subject_kind == SubjectKind.USER.value,
        in_force(now),
    )
    return [(user_id, end) for user_id, end in await session.execute(granted)]


async def named_admins(
    session: AsyncSession, team_id: str, first_admins: frozenset[str], now: datetime
) -> frozenset[str]:
    """List the people, without groups, who hold `admin`."""
    granted = {user_id for user_id, _ in await granted_admins(session, team_id, now)}
    named = await read_grants_in_force(session, team_id, Right.ADMIN, first_admins | granted, now)
    return (named.granted | first_admins) - named.denied
