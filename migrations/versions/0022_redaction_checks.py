"""Store the outcomes of comparing redacted recordings with the raw ones.

Revision: 0022
Follows: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "redaction_checks",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("agent_name", sa.String(255), nullable=False),
        sa.Column("conversation_id", sa.String(255), nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("delivery_id", sa.String(64), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("says", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redaction_checks")),
    )
    op.create_index(
        op.f("ix_redaction_checks_team_id_ended_at"),
        "redaction_checks",
        ["team_id", "ended_at"],
    )


def downgrade() -> None:
    op.drop_table("redaction_checks")
