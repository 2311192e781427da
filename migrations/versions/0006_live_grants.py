"""Find the grants in force of many people along one index, and those of groups and admins too.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OLD = ["team_id", "right", "subject_kind", "subject_id"]
LIVE = [
    "subject_id",
    "team_id",
    "right",
    "subject_kind",
    "effect",
    "starts_at",
    "expires_at",
    "revoked_at",
]


def index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        op.f(name), "grants", columns, sqlite_where=condition, postgresql_where=condition
    )


def compare_ids(collation: str) -> None:
    """SQLite compares by bytes as it is."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f'ALTER TABLE grants ALTER subject_id TYPE varchar(255) COLLATE "{collation}"')


def upgrade() -> None:
    op.drop_index(op.f("ix_grants_team_id_right_subject_kind_subject_id"), "grants")
    compare_ids("C")
    index("ix_grants_live", LIVE, "revoked_at IS NULL")
    index(
        "ix_grants_live_groups",
        ["team_id", "right"],
        "revoked_at IS NULL AND subject_kind = 'group'",
    )
    index("ix_grants_live_admins", ["team_id"], "revoked_at IS NULL AND \"right\" = 'admin'")


def downgrade() -> None:
    for name in ("live_admins", "live_groups", "live"):
        op.drop_index(op.f(f"ix_grants_{name}"), "grants")
    compare_ids("default")
    op.create_index(op.f("ix_grants_team_id_right_subject_kind_subject_id"), "grants", OLD)
