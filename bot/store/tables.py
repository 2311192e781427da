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


# SQLite numbers rows by itself only in an INTEGER primary key.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


# Compared by its bytes on both databases, which is also the quickest way.
OpaqueId = String(255).with_variant(String(255, collation="C"), "postgresql")


class GrantRow(Base):
    """A right given to, or denied to, one user or one Slack user group of a workspace."""

    __tablename__ = "grants"
    __table_args__ = (
        # Everything a decision asks of the people it names, so that it reads nothing else. The id
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
        # Groups are few among the people, which no planner knows of a common index.
        Index(
            "ix_grants_live_groups",
            "team_id",
            "right",
            sqlite_where=text("revoked_at IS NULL AND subject_kind = 'group'"),
            postgresql_where=text("revoked_at IS NULL AND subject_kind = 'group'"),
        ),
        # Denies are few, too: mostly all there is to know of them is that there are none.
        Index(
            "ix_grants_live_denies",
            "team_id",
            "right",
            sqlite_where=text("revoked_at IS NULL AND effect = 'deny'"),
            postgresql_where=text("revoked_at IS NULL AND effect = 'deny'"),
        ),
        # The few who are admins, among the many who may hear.
        Index(
            "ix_grants_live_admins",
            "team_id",
            sqlite_where=text("revoked_at IS NULL AND \"right\" = 'admin'"),
            postgresql_where=text("revoked_at IS NULL AND \"right\" = 'admin'"),
        ),
        # Those that end soon, found and counted with nothing else read.
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
    """When a Slack user group last changed, as an event told."""

    __tablename__ = "group_changes"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    group_id: Mapped[str] = mapped_column(primary_key=True)
    changed_at: Mapped[datetime]


class DeliveryRow(Base):
    """One asked-for recording on its way, from the stored request to its end."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(None, "team_id", "user_id", "requested_at"),
        # Raw files that are visible: few among all the deliveries there ever were.
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
    # What of the call it brings: its audio, or its transcript.
    kind: Mapped[str] = mapped_column(String(16), default="audio", server_default="audio")
    direction: Mapped[str] = mapped_column(String(16))
    asked_redacted: Mapped[bool]
    origin_channel_id: Mapped[str]
    asked_channel_id: Mapped[str]
    asked_thread_ts: Mapped[str | None] = mapped_column(String(32))
    # A way to answer privately for 30 minutes where the bot is no member; cleared once all is told.
    response_url: Mapped[str | None] = mapped_column(Text)
    requested_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    destination_channel_id: Mapped[str | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(64))
    # As it was when that was decided; empty: nothing is decided yet, or Slack did not tell.
    destination_is_private: Mapped[bool | None]
    # Set before the post: a second run knows that the first may have been seen.
    announce_tried_at: Mapped[datetime | None]
    parent_ts: Mapped[str | None] = mapped_column(String(32))
    # The bot's own message about it: the parent, or a reply where the thread is somebody else's.
    card_ts: Mapped[str | None] = mapped_column(String(32))
    file_id: Mapped[str | None]
    # Set before the share, with the file id: a lost answer is asked after, never repeated blindly.
    share_tried_at: Mapped[datetime | None]
    share_ts: Mapped[str | None] = mapped_column(String(32))
    # The waveform beside it; shared, dropped and taken back with it.
    picture_file_id: Mapped[str | None]
    # Where redaction muted it, so far as that can be told: how often, how long, and when.
    muted_spans: Mapped[int | None]
    muted_seconds: Mapped[float | None]
    muted_where: Mapped[dict[str, Any] | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    length_seconds: Mapped[float | None]
    # Its name, where a player may not know it.
    encoding: Mapped[str | None] = mapped_column(String(40))
    # Slack did not show the recording and its picture: the next upload is of the recording alone.
    without_picture: Mapped[bool] = mapped_column(default=False, server_default=false())
    error_code: Mapped[str | None] = mapped_column(String(64))
    # The failure in words for the requester; never a secret, an address, a number or a transcript.
    problem: Mapped[dict[str, Any] | None]
    # Since when it waits for Slack or PolyAI, and whether the requester was told so.
    waiting_since: Mapped[datetime | None]
    waiting_told_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # When the requester was told privately what came of it; or when telling was given up.
    told_at: Mapped[datetime | None]
    untold_at: Mapped[datetime | None]
    # On its way: an event came, so who can hear it is looked at once it is there. At its end: its
    # file is still to be deleted, or its card still to say that it is gone.
    recheck_at: Mapped[datetime | None]
    # Since when Slack has not told whether it still may be visible.
    doubted_since: Mapped[datetime | None]
    # A raw file that is visible: when to ask Slack next where it is, in case it was passed on.
    shares_due_at: Mapped[datetime | None]
    # Since when Slack has not told that.
    shares_doubted_since: Mapped[datetime | None]
    # Conversations in which events said that it was shared.
    told_channels: Mapped[list[str] | None] = mapped_column(
        JSON().with_variant(JSONB(), "postgresql")
    )
    taken_back_at: Mapped[datetime | None]
    # Set before the deletion where nothing could tell afterwards why.
    taken_back_cause: Mapped[str | None] = mapped_column(String(32))
    # Who pressed *Delete*; a worker does it.
    delete_asked_by: Mapped[str | None]


class OrphanedFileRow(Base):
    """A file that no delivery holds any more and that may be visible: to be deleted."""

    __tablename__ = "left_files"

    file_id: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(String(64))
    team_id: Mapped[str]
    channel_id: Mapped[str | None]
    # Until then it may yet become visible, so that one deletion is not enough.
    watched_until_at: Mapped[datetime]


class RecentRequestRow(Base):
    """The last time the very same was asked for.

    Absorbs a double submit of one person, and a request for a change that comes again.
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


class AccessRequestRow(Base):
    """Somebody's wish to hear raw recordings for some hours, and what became of it."""

    __tablename__ = "access_requests"
    __table_args__ = (
        # One pending request a person: a second one finds the first.
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
    # Since when the admins' messages say what became of it.
    shown_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    # Where the admins were asked: pairs of a channel and a ts.
    messages: Mapped[list[list[str]]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))


class HomeRow(Base):
    """Somebody's App Home as Slack keeps it; due work looks whether it still may stand so."""

    __tablename__ = "homes"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    # To be published whatever it shows: it was opened.
    is_stale: Mapped[bool]
    # A digest of the rights and requests it shows.
    shown: Mapped[str | None] = mapped_column(String(64))
    # Slack's own name for what it holds: a late writer is refused by it.
    view_hash: Mapped[str | None]


class DigestRow(Base):
    """A digest that somebody scheduled."""

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
    # From when on its slots count: since it was added, or since it goes on after a pause.
    due_since: Mapped[datetime]
    paused_because: Mapped[str | None] = mapped_column(String(32))
    revision: Mapped[int]


class DigestRunRow(Base):
    """One slot of a digest, claimed by one worker; or one that was missed."""

    __tablename__ = "digest_runs"
    __table_args__ = (Index(None, "digest_id", "due_at"),)

    digest_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    # The wall clock's time: one name for a slot, whatever the offset to UTC.
    slot_local: Mapped[str] = mapped_column(String(32), primary_key=True)
    due_at: Mapped[datetime]
    covered_since: Mapped[datetime]
    # Who wanted it out of turn.
    asked_by: Mapped[str | None]
    claimed_at: Mapped[datetime]
    # Set before the post: a second run knows that the first may have been seen.
    post_tried_at: Mapped[datetime | None]
    # Posts to which Slack gave no clear answer.
    lost_answers: Mapped[int]
    ts: Mapped[str | None] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    # Why it was not posted.
    note: Mapped[str | None] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]


class StandingRow(Base):
    """What a Slack user is to the workspace, as Slack told when it was last asked."""

    __tablename__ = "standings"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(OpaqueId, primary_key=True)
    # None: an event told at that time that it changed.
    standing: Mapped[str | None] = mapped_column(String(16))
    # From when on it holds: the time at which Slack was asked, not that of its answer.
    learnt_at: Mapped[datetime]


class AuditEventRow(Base):
    """One thing that happened, in ids only; a link in its workspace's chain.

    Rows are inserted and never changed or written over: triggers refuse it, and refuse removal but
    for what a checkpoint has sealed.
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
    """The newest link of a workspace's chain; its row lock puts concurrent writers in line."""

    __tablename__ = "audit_heads"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))


class AuditCheckpointRow(Base):
    """A sealed link: what came up to it may be removed, and the chain is verified from it on.

    Checkpoints are kept for good and never changed: each new one vouches for those before it.
    """

    __tablename__ = "audit_checkpoints"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]
    sealed_by: Mapped[str]


class DueWorkRow(Base):
    """One piece of work that is to be done at a time, and the worker that does it now."""

    __tablename__ = "due_work"
    __table_args__ = (Index(None, "kind", "due_at"), Index(None, "claim"))

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    # What of that kind: the id of a delivery, of a digest, of a digest's slot.
    key: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    # How often it was put off in a row.
    tries: Mapped[int]
    # Raised each time it is asked for: a worker does not end what was asked for since it began.
    revision: Mapped[int]
    # The claim by which a worker holds it.
    claim: Mapped[str | None] = mapped_column(String(64))
    # How often in a row its worker died before it ended.
    takeovers: Mapped[int] = mapped_column(server_default="0")
    # By the database's clock; none on SQLite, which has one worker.
    lease_ends_at: Mapped[datetime | None]
