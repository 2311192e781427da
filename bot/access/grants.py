"""Rights: given, denied, revoked and read. Each change and its audit event share a transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.errors import UsageError
from bot.store.tables import GrantRow


class Right(StrEnum):
    """What a grant is for: hearing raw, or administering the bot."""

    PII = "pii"
    ADMIN = "admin"


class SubjectKind(StrEnum):
    """Whom a grant names."""

    USER = "user"
    GROUP = "group"


class Effect(StrEnum):
    """What a grant does; a deny beats every grant."""

    GRANT = "grant"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Subject:
    """One user or one Slack user group of one workspace."""

    team_id: str
    kind: SubjectKind
    id: str


class SelfGrantRefused(UsageError):
    """Somebody tried to give themselves the right to hear raw."""

    code = "self_grant"
    what = "Nobody gives themselves the `pii` right."
    fix = "Ask another admin."


class NothingToRevoke(UsageError):
    """No grant or deny of that subject is in force."""

    code = "nothing_to_revoke"
    what = "There is nothing to revoke: no such grant or deny is in force."
    fix = "List the grants to see what is."


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A grant or a deny about to be written."""

    subject: Subject
    right: Right
    effect: Effect
    given_by: str
    reason: str
    now: datetime
    expires_at: datetime | None = None
    enterprise_id: str | None = None


async def add_grant(session: AsyncSession, new: NewGrant) -> GrantRow:
    """Write a grant or a deny and its audit event.

    Raises:
        SelfGrantRefused: the giver is the one who would hear raw.
    """
    gives = new.effect is Effect.GRANT
    if gives and new.right is Right.PII and new.subject.id == new.given_by:
        raise SelfGrantRefused
    row = GrantRow(
        team_id=new.subject.team_id,
        enterprise_id=new.enterprise_id,
        subject_kind=new.subject.kind.value,
        subject_id=new.subject.id,
        right=new.right.value,
        effect=new.effect.value,
        given_by=new.given_by,
        reason=new.reason,
        starts_at=new.now,
        expires_at=new.expires_at,
    )
    session.add(row)
    await session.flush()
    tag = AuditTag.GRANT_ADDED if gives else AuditTag.GRANT_DENIED
    record(session, _event(tag, row, new.given_by, new.now))
    return row


async def revoke(
    session: AsyncSession, subject: Subject, right: Right, *, by: str, now: datetime
) -> Sequence[GrantRow]:
    """End every grant and deny of that right in force for the subject.

    Raises:
        NothingToRevoke: none is in force.
    """
    rows = (
        await session.scalars(
            select(GrantRow).where(
                GrantRow.team_id == subject.team_id,
                GrantRow.subject_kind == subject.kind.value,
                GrantRow.subject_id == subject.id,
                GrantRow.right == right.value,
                _in_force(now),
            )
        )
    ).all()
    if not rows:
        raise NothingToRevoke
    for row in rows:
        row.revoked_by = by
        row.revoked_at = now
        record(session, _event(AuditTag.GRANT_REVOKED, row, by, now))
    return rows


async def holders(
    session: AsyncSession, team_id: str, right: Right, user_ids: Collection[str], now: datetime
) -> frozenset[str]:
    """Tell which of ``user_ids`` hold the right at ``now``, each by name and not denied.

    Who is in a user group is not known to the store. So a grant that names a group gives nothing
    here, and while a deny that names a group is in force nobody holds the right: anyone may be
    in it.
    """
    if not user_ids:
        return frozenset()
    denied_group = and_(
        GrantRow.subject_kind == SubjectKind.GROUP.value, GrantRow.effect == Effect.DENY.value
    )
    named = and_(GrantRow.subject_kind == SubjectKind.USER.value, GrantRow.subject_id.in_(user_ids))
    found = await session.execute(
        select(GrantRow.subject_kind, GrantRow.subject_id, GrantRow.effect).where(
            GrantRow.team_id == team_id,
            GrantRow.right == right.value,
            or_(named, denied_group),
            _in_force(now),
        )
    )
    granted: set[str] = set()
    denied: set[str] = set()
    for kind, subject_id, effect in found:
        if kind == SubjectKind.GROUP.value:
            return frozenset()
        (granted if effect == Effect.GRANT.value else denied).add(subject_id)
    return frozenset(granted - denied)


async def list_grants(
    session: AsyncSession, *, team_id: str | None, now: datetime, ended: bool
) -> Sequence[GrantRow]:
    """List the grants and denies in force, or with ``ended`` all that ever were, oldest first."""
    query = select(GrantRow).order_by(GrantRow.id)
    if team_id:
        query = query.where(GrantRow.team_id == team_id)
    if not ended:
        query = query.where(_in_force(now))
    return (await session.scalars(query)).all()


def _in_force(now: datetime) -> ColumnElement[bool]:
    return and_(
        GrantRow.revoked_at.is_(None),
        GrantRow.starts_at <= now,
        or_(GrantRow.expires_at.is_(None), GrantRow.expires_at > now),
    )


def _event(tag: AuditTag, row: GrantRow, actor_id: str, now: datetime) -> AuditEvent:
    return AuditEvent(
        tag=tag,
        team_id=row.team_id,
        actor_id=actor_id,
        occurred_at=now,
        payload={
            "grant_id": row.id,
            "subject_kind": row.subject_kind,
            "subject_id": row.subject_id,
            "right": row.right,
            "effect": row.effect,
            "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        },
    )
