"""Grants, denies and revocations. Each change is in one transaction with its audit event."""

from collections.abc import Sequence
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
    """The right that a grant gives: to hear raw, or to administer the bot."""

    PII = "pii"
    ADMIN = "admin"


class SubjectKind(StrEnum):
    """The kind of subject that a grant names."""

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


class ChangeRefused(UsageError):
    """A change that not even an admin may make; each refusal is audited."""

    code = "change_refused"


class SelfGrantRefused(ChangeRefused):
    """A person tried to grant themselves the right to hear raw."""

    code = "self_grant"
    what = "Nobody can give `pii` to themselves."
    fix = "Ask another admin."


class OwnDenyKept(ChangeRefused):
    """A person tried to lift a deny of `pii` that holds for themselves."""

    code = "own_deny"
    what = "Nobody can revoke a deny of `pii` that applies to themselves."
    likely_cause = "You are denied by name or in that group, or the group cannot be read now."
    fix = "Ask another admin."


class NothingToRevoke(UsageError):
    """No grant or deny of that subject is in force."""

    code = "nothing_to_revoke"
    what = "There is nothing to revoke: no such grant or deny is in force."
    fix = "List the grants to see what is."


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A grant or a deny to be stored."""

    subject: Subject
    right: Right
    effect: Effect
    given_by: str
    reason: str
    now: datetime
    expires_at: datetime | None = None
    enterprise_id: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A stored grant or deny."""

    id: int
    subject: Subject
    right: Right
    effect: Effect
    given_by: str
    reason: str
    starts_at: datetime
    expires_at: datetime | None
    revoked_by: str | None
    revoked_at: datetime | None


async def add_grant(session: AsyncSession, new: NewGrant) -> Grant:
    """Write a grant or a deny and its audit event.

    Raises:
        SelfGrantRefused: the giver grants `pii` to themselves.
    """
    gives = new.effect is Effect.GRANT
    if gives and not counts_for(new.subject.id, new.right, new.given_by):
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
    grant = grant_of(row)
    await record(session, _event(tag, grant, new.given_by, new.now))
    return grant


async def revoke(
    session: AsyncSession,
    subject: Subject,
    right: Right,
    *,
    by: str,
    now: datetime,
    reaches_actor: bool = False,
) -> int:
    """End every grant and deny of the right in force for the subject; returns their number.

    ``reaches_actor``: the subject is the actor, or a group that may contain them.

    Raises:
        NothingToRevoke: no grant or deny is in force.
        OwnDenyKept: one of them is a deny of `pii` that holds for the actor.
    """
    rows = await _locked(
        session,
        GrantRow.team_id == subject.team_id,
        GrantRow.subject_kind == subject.kind.value,
        GrantRow.subject_id == subject.id,
        GrantRow.right == right.value,
        in_force(now),
    )
    if not rows:
        raise NothingToRevoke
    is_denied = any(row.effect == Effect.DENY for row in rows)
    if reaches_actor and right is Right.PII and is_denied:
        raise OwnDenyKept
    return await _end(session, rows, by=by, now=now)


async def revoke_all(session: AsyncSession, team_id: str, *, by: str, now: datetime) -> int:
    """End every grant of a workspace, also those that begin later; returns their number.

    Denies stay in force, because the app may be installed again.
    """
    rows = await _locked(
        session,
        GrantRow.team_id == team_id,
        GrantRow.effect == Effect.GRANT.value,
        GrantRow.revoked_at.is_(None),
        or_(GrantRow.expires_at.is_(None), GrantRow.expires_at > now),
    )
    return await _end(session, rows, by=by, now=now)


async def _locked(session: AsyncSession, *which: ColumnElement[bool]) -> Sequence[GrantRow]:
    """Read rows to end; of two concurrent revocations, the second finds nothing left."""
    query = select(GrantRow).where(*which).order_by(GrantRow.id).with_for_update()
    return (await session.scalars(query)).all()


async def _end(session: AsyncSession, rows: Sequence[GrantRow], *, by: str, now: datetime) -> int:
    for row in rows:
        row.revoked_by, row.revoked_at = by, now
        await record(session, _event(AuditTag.GRANT_REVOKED, grant_of(row), by, now))
    return len(rows)


def counts_for(user_id: str, right: Right, given_by: str) -> bool:
    """Return whether a grant counts for a person: a grant of `pii` does not count for its giver.

    A grant to a group counts for each member except its giver.
    """
    return right is not Right.PII or given_by != user_id


def in_force(now: datetime) -> ColumnElement[bool]:
    """Build the SQL condition for a grant or deny in force at ``now``."""
    return and_(
        GrantRow.revoked_at.is_(None),
        GrantRow.starts_at <= now,
        or_(GrantRow.expires_at.is_(None), GrantRow.expires_at > now),
    )


def grant_of(row: GrantRow) -> Grant:
    """Build the frozen value of a row."""
    return Grant(
        id=row.id,
        subject=Subject(row.team_id, SubjectKind(row.subject_kind), row.subject_id),
        right=Right(row.right),
        effect=Effect(row.effect),
        given_by=row.given_by,
        reason=row.reason,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        revoked_by=row.revoked_by,
        revoked_at=row.revoked_at,
    )


def _event(tag: AuditTag, grant: Grant, actor_id: str, now: datetime) -> AuditEvent:
    return AuditEvent(
        tag=tag,
        team_id=grant.subject.team_id,
        actor_id=actor_id,
        occurred_at=now,
        payload={
            "grant_id": grant.id,
            "subject_kind": grant.subject.kind.value,
            "subject_id": grant.subject.id,
            "right": grant.right.value,
            "effect": grant.effect.value,
            "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
        },
    )
