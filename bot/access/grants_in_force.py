"""Whom grants and denies in force name: the one query every decision rests on."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, bindparam, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import Right, SubjectKind, in_force
from bot.store.tables import GrantRow, UtcDateTime

IN_FORCE: Final = (
    'revoked_at IS NULL AND team_id = :team AND "right" = :right AND starts_at <= :now '
    "AND (expires_at IS NULL OR expires_at > :now)"
)
"""Tells in SQL whether a grant or deny counts, of the right and in the workspace asked about."""


def _query(*, asked: str, named: str, gathered: str, pair: str) -> TextClause:
    """Return a row for people and one for groups: who is granted and who is denied, as JSON.

    A group comes with the giver, as a pair: it counts for its members, but not for all alike.

    The planner of PostgreSQL would look up each further column of the index for each id, which
    takes ten times as long; so the asked are gathered first (`MATERIALIZED`) and sifted after.
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
class GroupGrant:
    """A right given to a group, and by whom."""

    group_id: str
    given_by: str


@dataclass(frozen=True, slots=True)
class GrantsInForce:
    """What the store says of some people, by name, and of all groups of the workspace."""

    granted: frozenset[str]
    denied: frozenset[str]
    granted_groups: frozenset[GroupGrant]
    denied_groups: frozenset[str]


async def read_grants_in_force(
    session: AsyncSession, team_id: str, right: Right, user_ids: Collection[str], now: datetime
) -> GrantsInForce:
    """Read every grant and deny in force at ``now`` that could concern ``user_ids``.

    One statement and one parameter for all of them, one row for all who are named: ten thousand
    people cost little more than a look into the index for each.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    rows = await session.execute(
        _ON_SQLITE if is_sqlite else _ON_POSTGRESQL,
        # In the order of the index, which then is read from front to back.
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
        granted_groups=frozenset(GroupGrant(*pair) for pair in granted_groups),
        denied_groups=frozenset(group_id for group_id, _ in denied_groups),
    )


async def granted_admins(
    session: AsyncSession, team_id: str, now: datetime
) -> list[tuple[str, datetime | None]]:
    """List the people, not the groups, whom `admin` was given to, and when each grant ends."""
    granted = select(GrantRow.subject_id, GrantRow.expires_at).where(
        GrantRow.team_id == team_id,
        # Spelt out: the planners then see that the index of admins serves.
        GrantRow.right == literal(Right.ADMIN.value, literal_execute=True),
        GrantRow.subject_kind == SubjectKind.USER.value,
        in_force(now),
    )
    return [(user_id, end) for user_id, end in await session.execute(granted)]


async def named_admins(
    session: AsyncSession, team_id: str, first_admins: frozenset[str], now: datetime
) -> frozenset[str]:
    """List the people, not the groups, who hold `admin`."""
    granted = {user_id for user_id, _ in await granted_admins(session, team_id, now)}
    named = await read_grants_in_force(session, team_id, Right.ADMIN, first_admins | granted, now)
    return (named.granted | first_admins) - named.denied
