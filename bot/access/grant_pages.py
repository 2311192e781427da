"""Queries for lists of grants and denies: the rows that are shown, and the number of the rest."""

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
    """The first grants and denies of a list."""

    shown: tuple[Grant, ...]
    more: int
    """How many follow."""
    first_admins: tuple[str, ...] = ()
    """The admins that CALLAUDIO_ADMINS names, who need no grant."""


async def list_grants(
    session: AsyncSession, *, team_id: str | None, now: datetime, ended: bool
) -> tuple[Grant, ...]:
    """List the grants and denies in force, oldest first; with ``ended`` also all earlier ones."""
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
        # Redundant with `in_force`, but the index of ends can use this range.
        GrantRow.expires_at > now,
        GrantRow.expires_at <= until,
    )
    return await _page(session, ending, (GrantRow.expires_at, GrantRow.id), limit)


async def groups_in_force(session: AsyncSession, team_id: str, now: datetime) -> frozenset[str]:
    """List the ids of the groups with a grant or deny in force."""
    query = select(GrantRow.subject_id).where(
        GrantRow.team_id == team_id,
        # A literal, so that the planners can use the partial index of groups.
        GrantRow.subject_kind == literal(SubjectKind.GROUP.value, literal_execute=True),
        in_force(now),
    )
    return frozenset(await session.scalars(query.distinct()))


async def in_force_for(
    session: AsyncSession, team_id: str, subject_ids: Collection[str], now: datetime
) -> tuple[Grant, ...]:
    """List the grants and denies in force for some people and groups, oldest first."""
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
