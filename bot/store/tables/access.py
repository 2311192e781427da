"""Rights, requests for them, and what Slack said about people and user groups."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.tables.base import Base, OpaqueId, RowNumber


class GrantRow(Base):
    """A right given to, or denied to, one user or one Slack user group of a workspace."""

    __tablename__ = "grants"
    __table_args__ = (
        # A covering index for the query of a decision. The id comes first because it is selective;
        # the other columns hardly are.
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
        # Groups are rare, which a planner cannot see from a common index.
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


class StandingRow(Base):
    """The standing of a Slack user in the workspace, as Slack last returned it."""

    __tablename__ = "standings"

    team_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(OpaqueId, primary_key=True)
    # NULL: an event invalidated it.
    standing: Mapped[str | None] = mapped_column(String(16))
    # When Slack was asked, which is before its answer.
    learnt_at: Mapped[datetime]


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
