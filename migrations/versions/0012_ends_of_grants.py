"""Find the grants that end soon, and count them, without reading the others.

Revision: 0012
Follows: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NAME = "ix_grants_ends"


def upgrade() -> None:
    condition = sa.text("revoked_at IS NULL AND expires_at IS NOT NULL")
    op.create_index(
        op.f(NAME),
        "grants",
        ["team_id", "expires_at", "effect", "starts_at", "revoked_at"],
        sqlite_where=condition,
        postgresql_where=condition,
    )


def downgrade() -> None:
    op.drop_index(op.f(NAME), "grants")
