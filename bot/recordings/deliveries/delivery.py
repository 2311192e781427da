"""A stored delivery: its kind, its states, why it failed, and its audit events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import SecretStr

from bot.access.policy import Outcome
from bot.audit.events import AuditEvent, AuditTag, PayloadValue
from bot.errors import CallAudioError
from bot.polyai.payloads import Direction
from bot.recordings.audio.spans import SpanSummary


class DeliveryKind(StrEnum):
    """Audio is delivered raw or redacted; a transcript only raw."""

    AUDIO = "audio"
    TRANSCRIPT = "transcript"


class State(StrEnum):
    """The states a delivery passes through; the last four are ends."""

    REQUESTED = "requested"
    DECIDED = "decided"
    ANNOUNCED = "announced"
    UPLOADED = "uploaded"
    SHARED = "shared"
    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


ENDED = frozenset({State.DELIVERED, State.REFUSED, State.FAILED, State.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure, worded for people; contains no secret, URL, number or transcript."""

    code: str
    what: str
    likely_cause: str
    fix: str
    correlation_id: str | None = None

    @classmethod
    def of(cls, error: CallAudioError) -> "Problem":
        """Copy the words of an error."""
        return cls(error.code, error.what, error.likely_cause, error.fix, error.correlation_id)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One stored delivery."""

    id: str
    team_id: str
    enterprise_id: str | None
    user_id: str
    agent_name: str
    conversation_id: str
    kind: DeliveryKind
    direction: Direction
    asked_redacted: bool
    origin_channel_id: str
    asked_channel_id: str
    asked_thread_ts: str | None
    response_url: SecretStr | None
    requested_at: datetime
    state: State
    channel_id: str | None
    outcome: Outcome | None
    reason: str | None
    destination_is_private: bool | None
    """As at the decision; None: there is no decision yet, or Slack did not send the flag."""
    announce_tried_at: datetime | None
    parent_ts: str | None
    card_ts: str | None
    file_id: str | None
    share_tried_at: datetime | None
    thawed_at: datetime | None
    """When a freeze was last lifted while it was redacted and under way."""
    share_ts: str | None
    size_bytes: int | None
    length_seconds: float | None
    encoding: str | None
    """The name of an encoding that players may not support; None for all others."""
    without_picture: bool
    ended_at: datetime | None
    problem: Problem | None
    """Why a delivery failed, worded for the requester."""
    waiting_since: datetime | None
    """Since when its current step has been waiting for Slack or PolyAI; None: it does not wait."""
    waiting_notified_at: datetime | None
    notified_at: datetime | None
    unverified_since: datetime | None
    shares_unverified_since: datetime | None
    reported_channels: tuple[str, ...]
    """Channels to which a file of it was forwarded, by events or by Slack's list."""
    taken_back_at: datetime | None
    taken_back_cause: str | None
    delete_asked_by: str | None
    picture_file_id: str | None
    muted: SpanSummary | None
    """The muted spans; None: unknown, or there are none."""
    replaces_id: str | None
    """The delivery whose raw file was taken back, if this one follows it."""

    @property
    def is_transcript(self) -> bool:
        """Whether it delivers the transcript."""
        return self.kind is DeliveryKind.TRANSCRIPT

    @property
    def file_ids(self) -> tuple[str, ...]:
        """The files of the upload: the recording, then its picture if it has one."""
        return tuple(each for each in (self.file_id, self.picture_file_id) if each)

    @property
    def may_be_raw_by_mistake(self) -> bool:
        """Whether the upload of the last share attempt was fetched before a freeze was lifted."""
        tried_at, thawed_at = self.share_tried_at, self.thawed_at
        return bool(tried_at and thawed_at and tried_at <= thawed_at)

    @property
    def is_raw(self) -> bool:
        """Whether the last decision allows raw; False without a decision."""
        return self.outcome is Outcome.RAW

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.state in ENDED


def event_of(
    delivery: Delivery,
    tag: AuditTag,
    payload: Mapping[str, PayloadValue],
    *,
    actor_id: str,
    now: datetime,
) -> AuditEvent:
    """Build an audit event about a delivery."""
    return AuditEvent(
        tag=tag,
        team_id=delivery.team_id,
        actor_id=actor_id,
        occurred_at=now,
        delivery_id=delivery.id,
        payload=payload,
    )
