"""Checks of redacted recordings, and the canary call."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base


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
