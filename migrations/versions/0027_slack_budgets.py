"""Store the calls of all processes that count against Slack's limits.

Revision: 0027
Follows: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slack_budgets",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column(
            "spent",
            sa.JSON().with_variant(sa.dialects.postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_slack_budgets")),
    )


def downgrade() -> None:
    op.drop_table("slack_budgets")
