"""The report on access: who received what and who may, counted by the database."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.access.grants import Effect, Right, SubjectKind, in_force
from bot.access_requests.request import AccessState
from bot.audit.chain import Head
from bot.digests.digest import Digest, Period
from bot.digests.report import (
    AccessReport,
    GrantTally,
    HeldRight,
    NameCount,
    PersonTally,
    ReasonTally,
    RequestTally,
)
from bot.recordings.deliveries.delivery_statistics import DeliveryStatistics
from bot.store.database import Database
from bot.store.tables import (
    AccessRequestRow,
    AuditEventRow,
    AuditHeadRow,
    GrantRow,
    RedactionCheckRow,
)

MAX_PEOPLE: Final = 10
MAX_REASONS: Final = 20
MAX_ENDING: Final = 10
MAX_GROUPS: Final = 20


async def access_report(database: Database, digest: Digest, period: Period) -> AccessReport:
    """Count what ended, was decided or changed in the period, in one transaction."""
    team_id = digest.team_id
    async with database.read() as session:
        deliveries = DeliveryStatistics(
            session, team_id=team_id, since=period.since, until=period.until
        )
        groups = await _groups(session, team_id, period)
        return AccessReport(
            outcomes=_named(await deliveries.by_result()),
            reasons=tuple(
                ReasonTally(result, reason or "unknown", count)
                for result, reason, count in await deliveries.by_reason(MAX_REASONS)
            ),
            people=tuple(
                PersonTally(user_id, raw, redacted, refused, total - raw - redacted - refused)
                for user_id, raw, redacted, refused, total in await deliveries.by_requester(
                    MAX_PEOPLE
                )
            ),
            people_in_all=await deliveries.requesters(),
            requests=await _requests(session, team_id, period),
            grants=await _grants(session, team_id, period),
            groups=groups[:MAX_GROUPS],
            groups_in_all=len(groups),
            taken_back=_named(await deliveries.taken_back()),
            checked=await _checked(session, team_id, period),
            audit_events=await _audit_events(session, team_id, period),
            head=await _head(session, team_id),
        )


def _in(
    column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None], period: Period
) -> ColumnElement[bool]:
    return and_(column >= period.since, column < period.until)


async def _requests(session: AsyncSession, team_id: str, period: Period) -> RequestTally:
    row = AccessRequestRow
    decided = _in(row.decided_at, period)
    still_open = or_(row.decided_at.is_(None), row.decided_at >= period.until)
    asked, approved, denied, expired, pending = await _counts(
        session,
        row.team_id == team_id,
        _in(row.requested_at, period),
        and_(decided, row.state == AccessState.APPROVED.value),
        and_(decided, row.state == AccessState.DENIED.value),
        and_(decided, row.state == AccessState.EXPIRED.value),
        and_(row.requested_at < period.until, still_open),
    )
    return RequestTally(asked, approved, denied, expired, pending)


async def _grants(session: AsyncSession, team_id: str, period: Period) -> GrantTally:
    row = GrantRow
    started = _in(row.starts_at, period)
    soon = period.until + (period.until - period.since)
    unrevoked = or_(row.revoked_at.is_(None), row.revoked_at >= period.until)
    ending = and_(
        row.effect == Effect.GRANT.value,
        unrevoked,
        row.starts_at < period.until,
        row.expires_at >= period.until,
        row.expires_at < soon,
    )
    given, denied, revoked, about_to_end = await _counts(
        session,
        row.team_id == team_id,
        and_(started, row.effect == Effect.GRANT.value),
        and_(started, row.effect == Effect.DENY.value),
        _in(row.revoked_at, period),
        ending,
    )
    query = select(row.subject_kind, row.subject_id, row.right, row.expires_at)
    first = query.where(row.team_id == team_id, ending).order_by(row.expires_at, row.id)
    rows = await session.execute(first.limit(MAX_ENDING))
    next_to_end = tuple(HeldRight(*row) for row in rows)
    return GrantTally(given, denied, revoked, about_to_end, next_to_end)


async def _groups(session: AsyncSession, team_id: str, period: Period) -> tuple[HeldRight, ...]:
    """List the groups that hold a right; a deny of a group beats its grants."""
    row = GrantRow
    query = select(row.subject_id, row.right, row.effect, row.expires_at).where(
        row.team_id == team_id,
        row.right.in_([right.value for right in Right]),
        # A literal, so that the planners see that the index of groups applies.
        row.subject_kind == literal(SubjectKind.GROUP.value, literal_execute=True),
        in_force(period.until),
    )
    ends: defaultdict[tuple[str, str], list[datetime | None]] = defaultdict(list)
    denied: set[tuple[str, str]] = set()
    for group_id, right, effect, end in await session.execute(query):
        if effect == Effect.DENY.value:
            denied.add((group_id, right))
        else:
            ends[group_id, right].append(end)
    return tuple(
        HeldRight(
            *(SubjectKind.GROUP.value, *each),
            ends_at=None if None in ends[each] else max(filter(None, ends[each])),
        )
        for each in sorted(ends.keys() - denied)
    )


async def _checked(session: AsyncSession, team_id: str, period: Period) -> tuple[NameCount, ...]:
    row = RedactionCheckRow
    query = select(row.verdict, func.count()).where(
        row.team_id == team_id, _in(row.ended_at, period)
    )
    rows = await session.execute(query.group_by(row.verdict))
    return _named([(verdict, count) for verdict, count in rows])


async def _audit_events(session: AsyncSession, team_id: str, period: Period) -> int:
    query = select(func.count()).select_from(AuditEventRow)
    within = _in(AuditEventRow.occurred_at, period)
    return await session.scalar(query.where(AuditEventRow.team_id == team_id, within)) or 0


async def _head(session: AsyncSession, team_id: str) -> Head | None:
    row = await session.get(AuditHeadRow, team_id)
    return Head(row.team_id, row.seq, row.hash) if row else None


async def _counts(
    session: AsyncSession, of: ColumnElement[bool], *conditions: ColumnElement[bool]
) -> list[int]:
    """Count the rows that meet each condition, in one query."""
    sums = [func.coalesce(func.sum(case((each, 1), else_=0)), 0) for each in conditions]
    row = (await session.execute(select(*sums).where(of))).one()
    return [int(count) for count in row]


def _named(rows: Sequence[tuple[str | None, int]]) -> tuple[NameCount, ...]:
    named = (NameCount(name or "unknown", count) for name, count in rows)
    return tuple(sorted(named, key=lambda each: (-each.count, each.name)))
