"""Deliveries, and the requests and files that belong to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, Text, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base, UtcDateTime


class DeliveryRow(Base):
    """One delivery, from the stored request to its end."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(None, "team_id", "user_id", "requested_at"),
        # What a digest counts, and what is old enough to be removed.
        Index(None, "team_id", "ended_at"),
        # Visible raw files are rare among all deliveries.
        Index(
            None,
            "shares_due_at",
            sqlite_where=text("shares_due_at IS NOT NULL"),
            postgresql_where=text("shares_due_at IS NOT NULL"),
        ),
        Index(None, "parent_ts"),
        # The redacted recordings of a call are deleted if a check finds one to differ.
        Index(None, "conversation_id"),
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
    # When a freeze was last lifted: an upload that was begun before is not shared.
    thawed_at: Mapped[datetime | None]
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
    # Conversations to which the file was passed on, according to events and to Slack's list.
    reported_channels: Mapped[list[str] | None] = mapped_column(
        JSON().with_variant(JSONB(), "postgresql")
    )
    taken_back_at: Mapped[datetime | None]
    # Set before the deletion, because the cause cannot be found afterwards.
    taken_back_cause: Mapped[str | None] = mapped_column(String(32))
    # When that cause began, as far as it is known.
    must_go_since: Mapped[datetime | None]
    # Who pressed *Delete*; a worker deletes the file.
    delete_asked_by: Mapped[str | None]
    # The delivery whose raw file was taken back, if this redacted one was created to replace it.
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
