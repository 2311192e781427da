"""Store scheduled digests, and the outcome of each of their slots.

Revision: 0009
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "digests",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("channel_id", sa.String(255), nullable=False),
        sa.Column("agent_name", sa.String(255), nullable=False),
        sa.Column("timetable", sa.String(255), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("owner_id", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_because", sa.String(32), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digests")),
    )
    op.create_table(
        "digest_runs",
        sa.Column("digest_id", sa.String(64), nullable=False),
        sa.Column("slot_local", sa.String(32), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("post_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lost_answers", sa.Integer(), nullable=False),
        sa.Column("ts", sa.String(32), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("note", sa.String(64), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest_id", "slot_local", name=op.f("pk_digest_runs")),
    )
    op.create_index(op.f("ix_digest_runs_state_dispatched_at"), "digest_runs", ["state", "dispatched_at"])
    op.create_index(op.f("ix_digest_runs_digest_id_due_at"), "digest_runs", ["digest_id", "due_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_digest_runs_digest_id_due_at"), "digest_runs")
    op.drop_index(op.f("ix_digest_runs_state_dispatched_at"), "digest_runs")
    op.drop_table("digest_runs")
    op.drop_table("digests")
