"""Find the deliveries that ended in a period, or before one, by an index.

Revision: 0028
Follows: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NAME = "ix_deliveries_team_id_ended_at"


def upgrade() -> None:
    op.create_index(NAME, "deliveries", ["team_id", "ended_at"])


def downgrade() -> None:
    op.drop_index(NAME, "deliveries")
