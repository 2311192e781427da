"""Scheduled digests and their slots."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base


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
