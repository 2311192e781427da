"""Store when to check where each raw file is shared, because it may have been forwarded.

Revision: 0018
Follows: 0017
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DUE = sa.text("shares_due_at IS NOT NULL")
CHANNELS = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(sa.Column("shares_due_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(
            sa.Column("shares_doubted_since", sa.DateTime(timezone=True), nullable=True)
        )
        batch.add_column(sa.Column("told_channels", CHANNELS, nullable=True))
        batch.create_index(
            op.f("ix_deliveries_shares_due_at"),
            ["shares_due_at"],
            sqlite_where=DUE,
            postgresql_where=DUE,
        )
    # Raw files delivered before this revision are checked too.
    op.execute(
        "UPDATE deliveries SET shares_due_at = ended_at WHERE outcome = 'raw' "
        "AND state IN ('delivered', 'unconfirmed') AND taken_back_at IS NULL"
    )


def downgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_index(op.f("ix_deliveries_shares_due_at"))
        batch.drop_column("told_channels")
        batch.drop_column("shares_doubted_since")
        batch.drop_column("shares_due_at")
