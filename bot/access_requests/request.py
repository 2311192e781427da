"""A request for access to raw recordings, and its audit events."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.audit.events import AuditEvent, AuditTag
from bot.store.tables import AccessRequestRow

LIFETIME: Final = timedelta(hours=24)
"""How long admins can decide; then the request expires."""
REMIND_AFTER: Final = timedelta(hours=4)


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
class AccessRequest(NewAccessRequest):
    """A stored request."""

    state: AccessState
    requested_at: datetime
    announced_at: datetime | None = None
    reminded_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    grant_id: int | None = None
    shown_at: datetime | None = None
    notified_at: datetime | None = None
    warned_at: datetime | None = None
    messages: tuple[tuple[str, str], ...] = ()
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
    def due_at(self) -> datetime:
        """When a pending request is due again: for its reminder, or its expiry."""
        return self.expires_at if self.reminded_at else self.requested_at + REMIND_AFTER

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


def request_of(row: AccessRequestRow) -> AccessRequest:
    """Read a row as a frozen value."""
    columns = {each.name: getattr(row, each.name) for each in fields(AccessRequest)}
    columns["state"] = AccessState(row.state)
    columns["messages"] = tuple((channel, ts) for channel, ts in row.messages)
    return AccessRequest(**columns)
