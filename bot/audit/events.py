"""The audit vocabulary: a tag reads ``source:subject:action``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

PAYLOAD_VERSION = 1

# The bot itself: no person acted.
SYSTEM_ACTOR = "system"

PayloadValue = str | int | float | bool | tuple[str, ...] | None


class AuditTag(StrEnum):
    """Every kind of event the bot records."""

    DELIVERY_REQUESTED = "slack:delivery:requested"
    DELIVERY_DOWNGRADED = "retention:delivery:downgraded"
    DELIVERY_DECIDED = "policy:delivery:decided"
    DELIVERY_TIGHTENED = "policy:delivery:tightened"
    DELIVERY_ANNOUNCED = "worker:delivery:announced"
    DELIVERY_UPLOADED = "worker:delivery:uploaded"
    DELIVERY_UNSHOWN = "worker:delivery:unshown"
    DELIVERY_SHARED = "worker:delivery:shared"
    DELIVERY_DELIVERED = "worker:delivery:delivered"
    DELIVERY_REFUSED = "policy:delivery:refused"
    DELIVERY_FAILED = "worker:delivery:failed"
    DELIVERY_UNCONFIRMED = "worker:delivery:unconfirmed"
    NOTIFICATION_FAILED = "worker:delivery:untold"
    DELIVERIES_PRUNED = "retention:deliveries:pruned"
    WAVEFORM_SHOWN = "slack:waveform:shown"
    WAVEFORM_REFUSED = "slack:waveform:refused"
    FINDER_REFUSED = "policy:finder:refused"
    FILE_TAKEN_BACK = "retention:file:taken_back"
    FILE_OUT_OF_REACH = "retention:file:out_of_reach"
    FILE_PASSED_ON = "retention:file:passed_on"
    FILE_DELETE_ASKED = "slack:file:delete_asked"
    FILE_DELETED = "retention:file:deleted"
    BUTTON_REFUSED = "slack:button:refused"
    REQUEST_REFUSED = "slack:request:refused"
    PREVIEW_REFUSED = "policy:preview:refused"
    APP_REMOVED = "slack:app:removed"
    CHANNEL_MOVED = "slack:channel:moved"
    GRANT_ADDED = "admin:grant:added"
    GRANT_DENIED = "admin:grant:denied"
    GRANT_REVOKED = "admin:grant:revoked"
    GRANT_REFUSED = "admin:grant:refused"
    ADMIN_REFUSED = "slack:admin:refused"
    ACCESS_REQUESTED = "slack:access:requested"
    ACCESS_JOINED = "slack:access:joined"
    ACCESS_APPROVED = "admin:access:approved"
    ACCESS_DENIED = "admin:access:denied"
    ACCESS_EXPIRED = "worker:access:expired"
    DIGEST_ADDED = "admin:digest:added"
    DIGEST_PAUSED = "admin:digest:paused"
    DIGEST_RESUMED = "admin:digest:resumed"
    DIGEST_REMOVED = "admin:digest:removed"
    DIGEST_ASKED = "admin:digest:asked"
    DIGEST_MOVED = "slack:digest:moved"
    DIGEST_POSTED = "worker:digest:posted"
    DIGEST_SKIPPED = "worker:digest:skipped"
    DIGEST_FAILED = "worker:digest:failed"
    DIGEST_SUSPENDED = "worker:digest:suspended"
    REDACTION_RAW_REQUESTED = "worker:redaction:raw_requested"
    REDACTION_CHECKED = "worker:redaction:checked"
    CANARY_CHECKED = "worker:canary:checked"
    CANARY_FROZEN = "worker:canary:frozen"
    CANARY_THAWED = "admin:canary:thawed"
    AUDIT_SEALED = "admin:audit:sealed"


REQUESTS: Final = (AuditTag.DELIVERY_REQUESTED, AuditTag.DELIVERY_DOWNGRADED)
"""The events with which a delivery begins."""
DELETIONS: Final = (AuditTag.FILE_TAKEN_BACK, AuditTag.FILE_DELETED)
"""The events with which the file of a delivery ends."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One audit event; the payload holds ids, codes and sizes, never contents.

    Only the reason of a thaw is what an admin typed.
    """

    tag: AuditTag
    team_id: str
    actor_id: str
    occurred_at: datetime
    delivery_id: str | None = None
    payload: Mapping[str, PayloadValue] = field(default_factory=dict)
