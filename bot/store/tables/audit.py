"""The audit events, their chain and its checkpoints."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base, RowNumber


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
