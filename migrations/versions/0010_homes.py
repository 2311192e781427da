"""Store whose App Home was published, and when to check it again.

Revision: 0010
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "homes",
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shown", sa.String(64), nullable=True),
        sa.Column("view_hash", sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_homes")),
    )
    op.create_index(op.f("ix_homes_look_at"), "homes", ["look_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_homes_look_at"), "homes")
    op.drop_table("homes")
