"""Checks of redacted recordings, and the canary call."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base


class RedactionCheckRow(Base):
    """One comparison of a redacted recording with the raw one: who asked, and the outcome.

    Spans, counts and levels are in the audit event of its end.
    """

    __tablename__ = "redaction_checks"
    # By conversation, because a recording that differs is refused before each delivery.
    __table_args__ = (Index(None, "team_id", "ended_at"), Index(None, "conversation_id"))

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
    # The verdict, worded for the person who asked; no content of the recording.
    says: Mapped[str | None] = mapped_column(Text)


class CanaryRow(Base):
    """The call that shows whether the plain key returns redacted recordings only.

    While a row is frozen, no process delivers redacted recordings.
    """

    __tablename__ = "canaries"

    # As in the setting.
    conversation: Mapped[str] = mapped_column(primary_key=True)
    team_id: Mapped[str]
    checked_at: Mapped[datetime]
    verdict: Mapped[str] = mapped_column(String(16))
    # The finding, as a code.
    found: Mapped[str | None] = mapped_column(String(64))
    # When the last check succeeded.
    held_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None]
    # When the admins were notified.
    notified_at: Mapped[datetime | None]
