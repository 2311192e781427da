"""A delivery as it stands in the store, and the audit events about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from bot.access.policy import Outcome
from bot.audit.events import AuditEvent, AuditTag, PayloadValue
from bot.polyai.payloads import Direction
from bot.recordings.kinds import DeliveryKind
from bot.recordings.slack_port import Problem
from bot.recordings.states import ENDED, State
from bot.recordings.waveform.spans import Spans


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it stands in the store."""

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
    """As it was when that was decided; None: nothing is decided yet, or Slack did not tell."""
    announce_tried_at: datetime | None
    parent_ts: str | None
    card_ts: str | None
    file_id: str | None
    share_tried_at: datetime | None
    share_ts: str | None
    size_bytes: int | None
    length_seconds: float | None
    encoding: str | None
    """Its name, where a player may not know it."""
    without_picture: bool
    ended_at: datetime | None
    problem: Problem | None
    """What a failed delivery failed of, in words for the requester."""
    waiting_since: datetime | None
    """Since when it has been waiting for Slack or PolyAI, which could not be used for a while."""
    waiting_notified_at: datetime | None
    notified_at: datetime | None
    unverified_since: datetime | None
    shares_unverified_since: datetime | None
    reported_channels: tuple[str, ...]
    """Where a file of it was passed on to, by events or by Slack's list."""
    taken_back_at: datetime | None
    taken_back_cause: str | None
    delete_asked_by: str | None
    picture_file_id: str | None
    muted: Spans | None
    """None: not known, or nothing that may be called so."""
    replaces_id: str | None
    """The delivery whose raw file was taken back, where this one follows it unasked."""

    @property
    def is_transcript(self) -> bool:
        """Whether it brings the transcript."""
        return self.kind is DeliveryKind.TRANSCRIPT

    @property
    def file_ids(self) -> tuple[str, ...]:
        """Every file of the upload: the recording first, then its picture if it has one."""
        return tuple(each for each in (self.file_id, self.picture_file_id) if each)

    @property
    def is_raw(self) -> bool:
        """Whether the last decision allows raw; anything else, none included, does not."""
        return self.outcome is Outcome.RAW

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be done for it."""
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
