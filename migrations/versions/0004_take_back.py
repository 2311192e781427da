"""Store which raw files are visible, and when to check each again.

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(sa.Column("recheck_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("doubted_since", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("taken_back_cause", sa.String(32), nullable=True))
        batch.create_index(op.f("ix_deliveries_recheck_at"), ["recheck_at"])
    # Raw files delivered before this revision are checked too.
    op.execute(
        "UPDATE deliveries SET recheck_at = ended_at "
        "WHERE outcome = 'raw' AND state IN ('delivered', 'unconfirmed')"
    )


def downgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_index(op.f("ix_deliveries_recheck_at"))
        batch.drop_column("taken_back_cause")
        batch.drop_column("taken_back_at")
        batch.drop_column("doubted_since")
        batch.drop_column("recheck_at")
