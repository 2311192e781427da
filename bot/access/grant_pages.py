"""Grants and denies as they are looked at: never more of them than are shown, and how many more."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.access.grants import Effect, Grant, SubjectKind, grant_of, in_force
from bot.store.tables import GrantRow


@dataclass(frozen=True, slots=True)
class GrantPage:
    """The first of some grants and denies."""

    shown: tuple[Grant, ...]
    more: int
    """How many follow."""
    first_admins: tuple[str, ...] = ()
    """Who administers without a grant: those whom the settings name."""


async def list_grants(
    session: AsyncSession, *, team_id: str | None, now: datetime, ended: bool
) -> tuple[Grant, ...]:
    """List the grants and denies in force, or with ``ended`` all that ever were, oldest first."""
    query = select(GrantRow).order_by(GrantRow.id)
    if team_id:
        query = query.where(GrantRow.team_id == team_id)
    if not ended:
        query = query.where(in_force(now))
    return tuple(grant_of(row) for row in await session.scalars(query))


async def oldest_in_force(
    session: AsyncSession, team_id: str, now: datetime, limit: int
) -> GrantPage:
    """List the oldest grants and denies in force in a workspace."""
    return await _page(session, (GrantRow.team_id == team_id, in_force(now)), (GrantRow.id,), limit)


async def next_to_end(
    session: AsyncSession, team_id: str, *, now: datetime, until: datetime, limit: int
) -> GrantPage:
    """List the grants in force that end by ``until``, the next first."""
    ending = (
        GrantRow.team_id == team_id,
        GrantRow.effect == Effect.GRANT.value,
        in_force(now),
        # Besides what makes it in force: a window that the index of ends knows.
        GrantRow.expires_at > now,
        GrantRow.expires_at <= until,
    )
    return await _page(session, ending, (GrantRow.expires_at, GrantRow.id), limit)


async def groups_in_force(session: AsyncSession, team_id: str, now: datetime) -> frozenset[str]:
    """Name the groups that anything in force is said of."""
    query = select(GrantRow.subject_id).where(
        GrantRow.team_id == team_id,
        # Spelt out: the planners then see that the index of groups serves.
        GrantRow.subject_kind == literal(SubjectKind.GROUP.value, literal_execute=True),
        in_force(now),
    )
    return frozenset(await session.scalars(query.distinct()))


async def in_force_for(
    session: AsyncSession, team_id: str, subject_ids: Collection[str], now: datetime
) -> tuple[Grant, ...]:
    """List what is in force for some people and groups, oldest first."""
    query = select(GrantRow).where(
        GrantRow.subject_id.in_(sorted(subject_ids)), GrantRow.team_id == team_id, in_force(now)
    )
    return tuple(grant_of(row) for row in await session.scalars(query.order_by(GrantRow.id)))


async def _page(
    session: AsyncSession,
    which: tuple[ColumnElement[bool], ...],
    order: tuple[InstrumentedAttribute[Any], ...],
    limit: int,
) -> GrantPage:
    rows = await session.scalars(select(GrantRow).where(*which).order_by(*order).limit(limit))
    shown = tuple(grant_of(row) for row in rows)
    if len(shown) < limit:
        return GrantPage(shown, more=0)
    total = await session.scalar(select(func.count()).select_from(GrantRow).where(*which))
    return GrantPage(shown, more=(total or 0) - len(shown))
