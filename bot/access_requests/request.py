"""A request for access to raw recordings, and its audit events."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.audit.events import AuditEvent, AuditTag
from bot.store.tables import AccessRequestRow

LIFETIME: Final = timedelta(hours=24)
"""How long admins can decide; then the request expires."""


class AccessState(StrEnum):
    """The state of a request."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class NewAccessRequest:
    """A request to be stored; the same ``id`` again is the same request."""

    id: str
    team_id: str
    enterprise_id: str | None
    user_id: str
    delivery_id: str
    conversation_id: str
    reason: str
    hours: int


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A stored request."""

    id: str
    team_id: str
    enterprise_id: str | None
    user_id: str
    delivery_id: str
    conversation_id: str
    reason: str
    hours: int
    state: AccessState
    requested_at: datetime
    announced_at: datetime | None
    reminded_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    grant_id: int | None
    shown_at: datetime | None
    notified_at: datetime | None
    warned_at: datetime | None
    messages: tuple[tuple[str, str], ...]
    """The admins' messages: channel and ts."""

    @property
    def is_pending(self) -> bool:
        """Whether no admin has decided yet."""
        return self.state is AccessState.PENDING

    @property
    def expires_at(self) -> datetime:
        """When it expires if no admin decides."""
        return self.requested_at + LIFETIME

    @property
    def ends_at(self) -> datetime | None:
        """When an approved request's hours end; they begin with the decision."""
        if self.state is not AccessState.APPROVED or self.decided_at is None:
            return None
        return self.decided_at + timedelta(hours=self.hours)


def event_of(tag: AuditTag, row: AccessRequestRow, actor_id: str, now: datetime) -> AuditEvent:
    """Build the audit event of a request, without its reason."""
    return AuditEvent(
        tag=tag,
        team_id=row.team_id,
        actor_id=actor_id,
        occurred_at=now,
        delivery_id=row.delivery_id,
        payload={
            "request_id": row.id,
            "subject_id": row.user_id,
            "hours": row.hours,
            "grant_id": row.grant_id,
        },
    )


def joined_event_of(row: AccessRequestRow, new: NewAccessRequest, now: datetime) -> AuditEvent:
    """Build the audit event of a second request while ``row`` was pending."""
    event = event_of(AuditTag.ACCESS_JOINED, row, new.user_id, now)
    payload = {**event.payload, "hours": new.hours}
    return replace(event, delivery_id=new.delivery_id, payload=payload)


def request_of(row: AccessRequestRow) -> AccessRequest:
    """Read a row as a frozen value."""
    return AccessRequest(
        id=row.id,
        team_id=row.team_id,
        enterprise_id=row.enterprise_id,
        user_id=row.user_id,
        delivery_id=row.delivery_id,
        conversation_id=row.conversation_id,
        reason=row.reason,
        hours=row.hours,
        state=AccessState(row.state),
        requested_at=row.requested_at,
        announced_at=row.announced_at,
        reminded_at=row.reminded_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        grant_id=row.grant_id,
        shown_at=row.shown_at,
        notified_at=row.notified_at,
        warned_at=row.warned_at,
        messages=tuple((channel, ts) for channel, ts in row.messages),
    )
