"""Due work, and the shared budget of calls to Slack."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base


class DueWorkRow(Base):
    """One piece of due work: what, when, and which worker holds it."""

    __tablename__ = "due_work"
    __table_args__ = (
        Index(None, "kind", "due_at"),
        Index(None, "claim"),
        Index(None, "kind", "turn", "due_at"),
        # Finds the waiting work of one person; most work has no requester.
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
    # Raised each time it is enqueued: a worker does not end work that was enqueued again meanwhile.
    revision: Mapped[int]
    # The id of the claim of the worker that holds it.
    claim: Mapped[str | None] = mapped_column(String(64))
    # How many times in a row its lease expired.
    takeovers: Mapped[int] = mapped_column(server_default="0")
    # By the database's clock; NULL on SQLite, which has one worker.
    lease_ends_at: Mapped[datetime | None]
    # The person it is done for, if requesters are served in turn: see `requests/fair_queue.py`.
    requester: Mapped[str | None]
    # Its flow and the round in which it is served: see `store/enqueue.py`.
    turn: Mapped[int] = mapped_column(BigInteger, server_default="0")


class SlackBudgetRow(Base):
    """The calls of all processes against one of Slack's limits, by the database's clock."""

    __tablename__ = "slack_budgets"

    # A method, or a method in a channel.
    key: Mapped[str] = mapped_column(primary_key=True)
    # Numbers of calls with the times until which they count, and until when Slack accepts none.
    spent: Mapped[dict[str, Any]]
    # From then on none of it counts.
    ends_at: Mapped[datetime]
