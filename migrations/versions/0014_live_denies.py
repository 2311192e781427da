"""Find the denies in force without reading grants.

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

DENIES = sa.text("revoked_at IS NULL AND effect = 'deny'")


def upgrade() -> None:
    op.create_index(
        op.f("ix_grants_live_denies"),
        "grants",
        ["team_id", "right"],
        sqlite_where=DENIES,
        postgresql_where=DENIES,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_grants_live_denies"), "grants")
