"""Every table the bot owns; `migrations/` builds exactly these (a test compares the two).

Times are aware UTC. Ids are Slack's and PolyAI's own, opaque. Nothing here holds audio, a
transcript, a phone number, a token or an upload URL.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on both databases; SQLite drops zones and gets them back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time, which could mean any instant."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "naive datetime given to the store"
            raise ValueError(msg)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read every time as UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The declarative base: naming rules and column types shared by all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - read once by SQLAlchemy's declarative base
        datetime: UtcDateTime(),
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        str: String(255),
    }


# SQLite assigns row numbers only to an INTEGER primary key.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


# Compared by bytes on both databases, which is also fastest.
OpaqueId = String(255).with_variant(String(255, collation="C"), "postgresql")


class GrantRow(Base):
    """A right given to, or denied to, one user or one Slack user group of a workspace."""

    __tablename__ = "grants"
    __table_args__ = (
        # A covering index for the query of a decision. The id
        # comes first: it tells grants apart, while the other columns hardly do.
        Index(
            "ix_grants_live",
            "subject_id",
            "team_id",
            "right",
            "subject_kind",
            "effect",
            "starts_at",
            "expires_at",
            "revoked_at",
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        # Groups are rare, which a planner cannot know from a common index.
        Index(
            "ix_grants_live_groups",
            "team_id",
            "right",
            sqlite_where=text("revoked_at IS NULL AND subject_kind = 'group'"),
            postgresql_where=text("revoked_at IS NULL AND subject_kind = 'group'"),
        ),
        # Denies are rare too: usually the query only finds that there are none.
        Index(
            "ix_grants_live_denies",
            "team_id",
            "right",
            sqlite_where=text("revoked_at IS NULL AND effect = 'deny'"),
            postgresql_where=text("revoked_at IS NULL AND effect = 'deny'"),
        ),
        # Grants of `admin` are rare among grants of `pii`.
        Index(
            "ix_grants_live_admins",
            "team_id",
            sqlite_where=text("revoked_at IS NULL AND \"right\" = 'admin'"),
            postgresql_where=text("revoked_at IS NULL AND \"right\" = 'admin'"),
        ),
        # Finds and counts the grants that end soon without reading the table.
        Index(
            "ix_grants_ends",
            "team_id",
            "expires_at",
            "effect",
            "starts_at",
            "revoked_at",
            sqlite_where=text("revoked_at IS NULL AND expires_at IS NOT NULL"),
            postgresql_where=text("revoked_at IS NULL AND expires_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    team_id: Mapped[str]
    enterprise_id: Mapped[str | None]
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(OpaqueId)
    right: Mapped[str] = mapped_column(String(16))
    effect: Mapped[str] = mapped_column(String(16))
    given_by: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]


class GroupChangeRow(Base):
    """When a Slack user group last changed, according to an event."""

    __tablename__ = "group_changes"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    group_id: Mapped[str] = mapped_column(primary_key=True)
    changed_at: Mapped[datetime]


class DeliveryRow(Base):
    """One delivery, from the stored request to its end."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(None, "team_id", "user_id", "requested_at"),
        # Visible raw files are rare among all deliveries.
        Index(
            None,
            "shares_due_at",
            sqlite_where=text("shares_due_at IS NOT NULL"),
            postgresql_where=text("shares_due_at IS NOT NULL"),
        ),
        Index(None, "parent_ts"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str]
    enterprise_id: Mapped[str | None]
    user_id: Mapped[str]
    source: Mapped[str] = mapped_column(String(16))
    agent_name: Mapped[str]
    conversation_id: Mapped[str]
    # What is delivered: the audio of the call, or its transcript.
    kind: Mapped[str] = mapped_column(String(16), default="audio", server_default="audio")
    direction: Mapped[str] = mapped_column(String(16))
    asked_redacted: Mapped[bool]
    origin_channel_id: Mapped[str]
    asked_channel_id: Mapped[str]
    asked_thread_ts: Mapped[str | None] = mapped_column(String(32))
    # For private answers within 30 minutes, also where the bot is no member; cleared when sent.
    response_url: Mapped[str | None] = mapped_column(Text)
    requested_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    destination_channel_id: Mapped[str | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(64))
    # At the time of the decision; NULL: not decided yet, or unknown.
    destination_is_private: Mapped[bool | None]
    # Set before the post, so that a second run looks for the post of the first.
    announce_tried_at: Mapped[datetime | None]
    parent_ts: Mapped[str | None] = mapped_column(String(32))
    # The card: the parent of its own thread, or a reply in an existing thread.
    card_ts: Mapped[str | None] = mapped_column(String(32))
    file_id: Mapped[str | None]
    # Set before the share, with the file id: after a lost answer, the share is looked up.
    share_tried_at: Mapped[datetime | None]
    share_ts: Mapped[str | None] = mapped_column(String(32))
    # The waveform picture; shared, dropped and taken back together with the recording.
    picture_file_id: Mapped[str | None]
    # The muted spans, if known: their number, their total length, and their times.
    muted_spans: Mapped[int | None]
    muted_seconds: Mapped[float | None]
    muted_where: Mapped[dict[str, Any] | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    length_seconds: Mapped[float | None]
    # The name of an encoding that players may not support.
    encoding: Mapped[str | None] = mapped_column(String(40))
    # Slack did not show the files: the next upload is the recording without its picture.
    without_picture: Mapped[bool] = mapped_column(default=False, server_default=false())
    error_code: Mapped[str | None] = mapped_column(String(64))
    # The failure, worded for the requester; never a secret, an address, a number or a transcript.
    problem: Mapped[dict[str, Any] | None]
    # Since when it waits for Slack or PolyAI, and when the requester was notified of that.
    waiting_since: Mapped[datetime | None]
    waiting_notified_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # When the requester was notified of the end; or when the notification was given up.
    notified_at: Mapped[datetime | None]
    notify_failed_at: Mapped[datetime | None]
    # Before the end: an event came, so the audience is checked once the file is visible. After it:
    # the file still has to be deleted, or the card updated.
    recheck_at: Mapped[datetime | None]
    # Since when the facts that decide whether it may stay visible are unknown.
    unverified_since: Mapped[datetime | None]
    # For a visible raw file: when to check next whether it was forwarded.
    shares_due_at: Mapped[datetime | None]
    # Since when that check fails.
    shares_unverified_since: Mapped[datetime | None]
    # Conversations in which the file was shared, according to events.
    reported_channels: Mapped[list[str] | None] = mapped_column(
        JSON().with_variant(JSONB(), "postgresql")
    )
    taken_back_at: Mapped[datetime | None]
    # Set before the deletion, because the cause cannot be found afterwards.
    taken_back_cause: Mapped[str | None] = mapped_column(String(32))
    # Who pressed *Delete*; a worker deletes the file.
    delete_asked_by: Mapped[str | None]
    # The delivery whose raw file was taken back, where this one follows it, redacted and unasked.
    replaces_id: Mapped[str | None] = mapped_column(String(64))


class OrphanedFileRow(Base):
    """A file to be deleted: it may be visible, and no delivery refers to it any more."""

    __tablename__ = "orphaned_files"

    file_id: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(String(64))
    team_id: Mapped[str]
    channel_id: Mapped[str | None]
    # Until then Slack may still make it visible, so it is deleted again.
    watched_until_at: Mapped[datetime]


class RecentRequestRow(Base):
    """When the same request was last made.

    Makes double submits by one person, and repeated changes, idempotent.
    """

    __tablename__ = "recent_requests"

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    delivery_id: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)


class RedactionCheckRow(Base):
    """One redacted recording held against the raw one in memory: on whose behalf, and the outcome.

    Spans, counts and levels stand in the audit event of its end.
    """

    __tablename__ = "redaction_checks"
    __table_args__ = (Index(None, "team_id", "ended_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str]
    # A person, a machine's account, or the bot itself; and why.
    asked_by: Mapped[str]
    cause: Mapped[str] = mapped_column(String(16))
    agent_name: Mapped[str]
    conversation_id: Mapped[str]
    direction: Mapped[str] = mapped_column(String(16))
    # The delivery it was made for.
    delivery_id: Mapped[str | None] = mapped_column(String(64))
    requested_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    verdict: Mapped[str | None] = mapped_column(String(16))
    # In words for whoever asked, without anything of the recording.
    says: Mapped[str | None] = mapped_column(Text)


class CanaryRow(Base):
    """The call that tells whether the plain key brings redacted recordings alone.

    While a row is frozen, no redacted recording is delivered, by whatever process.
    """

    __tablename__ = "canaries"

    # As the setting names it.
    conversation: Mapped[str] = mapped_column(primary_key=True)
    team_id: Mapped[str]
    checked_at: Mapped[datetime]
    verdict: Mapped[str] = mapped_column(String(16))
    # What was found, in a code.
    found: Mapped[str | None] = mapped_column(String(64))
    # When it was last found to be in order.
    held_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None]
    # Since when the admins know.
    notified_at: Mapped[datetime | None]


class AccessRequestRow(Base):
    """A request for the right to hear raw for some hours, and its outcome."""

    __tablename__ = "access_requests"
    __table_args__ = (
        # One pending request for each person: a second one joins the first.
        Index(
            "uq_access_requests_pending",
            "team_id",
            "user_id",
            unique=True,
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str]
    enterprise_id: Mapped[str | None]
    user_id: Mapped[str]
    delivery_id: Mapped[str] = mapped_column(String(64))
    conversation_id: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    hours: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    requested_at: Mapped[datetime]
    announced_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    grant_id: Mapped[int | None] = mapped_column(BigInteger)
    # When the outcome was put on the admins' messages.
    shown_at: Mapped[datetime | None]
    notified_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    # The admins' messages: pairs of a channel and a ts.
    messages: Mapped[list[list[str]]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))


class HomeRow(Base):
    """The App Home of a person as last published; due work checks whether it is current."""

    __tablename__ = "homes"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    # It was opened, so it is published even if nothing has changed.
    is_stale: Mapped[bool]
    # A hash of the rights and requests it shows.
    shown: Mapped[str | None] = mapped_column(String(64))
    # Slack's hash of the view: it rejects a late writer.
    view_hash: Mapped[str | None]


class DigestRow(Base):
    """A scheduled digest."""

    __tablename__ = "digests"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    channel_id: Mapped[str]
    agent_name: Mapped[str]
    timetable: Mapped[str]
    zone: Mapped[str] = mapped_column(String(64))
    owner_id: Mapped[str]
    created_at: Mapped[datetime]
    # Slots count from here on: when it was added, or resumed after a pause.
    due_since: Mapped[datetime]
    paused_because: Mapped[str | None] = mapped_column(String(32))
    revision: Mapped[int]


class DigestRunRow(Base):
    """One slot of a digest: claimed by one worker, or missed."""

    __tablename__ = "digest_runs"
    __table_args__ = (Index(None, "digest_id", "due_at"),)

    digest_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Local time without an offset: one key for a slot, also when clocks change.
    slot_local: Mapped[str] = mapped_column(String(32), primary_key=True)
    due_at: Mapped[datetime]
    covered_since: Mapped[datetime]
    # Who ran it by hand.
    asked_by: Mapped[str | None]
    claimed_at: Mapped[datetime]
    # Set before the post, so that a second run looks for the post of the first.
    post_tried_at: Mapped[datetime | None]
    # The number of posts for which the answer was lost.
    lost_answers: Mapped[int]
    ts: Mapped[str | None] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    # Why it was not posted.
    note: Mapped[str | None] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]


class StandingRow(Base):
    """The standing of a Slack user in the workspace, as Slack last returned it."""

    __tablename__ = "standings"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(OpaqueId, primary_key=True)
    # NULL: an event invalidated it.
    standing: Mapped[str | None] = mapped_column(String(16))
    # When Slack was asked, which is before its answer.
    learnt_at: Mapped[datetime]


class AuditEventRow(Base):
    """One audit event, with ids and codes only; a link in the chain of its workspace.

    Rows are only inserted: triggers refuse updates, and refuse deletes except of rows that a
    checkpoint has sealed.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "team_id", "occurred_at"),
        Index(None, "delivery_id"),
        UniqueConstraint("team_id", "seq"),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime]
    team_id: Mapped[str]
    tag: Mapped[str] = mapped_column(String(64))
    actor_id: Mapped[str]
    delivery_id: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int]
    payload: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHeadRow(Base):
    """The newest link of a workspace's chain; its row lock serializes writers."""

    __tablename__ = "audit_heads"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))


class AuditCheckpointRow(Base):
    """A sealed link: events up to it may be deleted, and the chain is verified from it on.

    Checkpoints are never changed or deleted: each covers the ones before it.
    """

    __tablename__ = "audit_checkpoints"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]
    sealed_by: Mapped[str]


class DueWorkRow(Base):
    """One piece of due work: what, when, and which worker holds it."""

    __tablename__ = "due_work"
    __table_args__ = (
        Index(None, "kind", "due_at"),
        Index(None, "claim"),
        Index(None, "kind", "turn", "due_at"),
        # What one person has waiting; most work is nobody's.
        Index(
            None,
            "requester",
            sqlite_where=text("requester IS NOT NULL"),
            postgresql_where=text("requester IS NOT NULL"),
        ),
    )

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    # The id of the delivery, digest or slot that the work is for.
    key: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    # How many times in a row it was postponed.
    tries: Mapped[int]
    # Raised at each schedule: a worker does not end work that was scheduled again meanwhile.
    revision: Mapped[int]
    # The id of the claim of the worker that holds it.
    claim: Mapped[str | None] = mapped_column(String(64))
    # How many times in a row its lease expired.
    takeovers: Mapped[int] = mapped_column(server_default="0")
    # By the database's clock; NULL on SQLite, which has one worker.
    lease_ends_at: Mapped[datetime | None]
    # For whom it is done, where people take turns: see `bot.store.turns`.
    requester: Mapped[str | None]
    # The round in which it is served; lower ones come first.
    turn: Mapped[int] = mapped_column(BigInteger, server_default="0")


class SlackBudgetRow(Base):
    """What all processes spent of one of Slack's limits, by the database's clock."""

    __tablename__ = "slack_budgets"

    # A method, or a method in a channel.
    key: Mapped[str] = mapped_column(primary_key=True)
    # Counts of calls with the moments until which they count, and until when Slack wants none.
    spent: Mapped[dict[str, Any]]
    # When nothing of it counts any more.
    ends_at: Mapped[datetime]
