"""Store the standings of people, instead of only which users are bots.

Revision: 0019
Follows: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("bot_users")
    with op.batch_alter_table("homes") as homes:
        homes.drop_column("published_at")
    op.create_table(
        "standings",
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column(
            "user_id",
            sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("standing", sa.String(16), nullable=True),
        sa.Column("learnt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_standings")),
    )


def downgrade() -> None:
    op.drop_table("standings")
    with op.batch_alter_table("homes") as homes:
        homes.add_column(sa.Column("published_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "bot_users",
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_bot_users")),
    )
