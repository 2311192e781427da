"""App Homes as they were last published."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base


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
