"""Remember when user groups changed, and find a group's grants along the index.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OLD = ["team_id", "right", "subject_id"]
NEW = ["team_id", "right", "subject_kind", "subject_id"]


def upgrade() -> None:
    op.create_table(
        "group_changes",
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("group_id", sa.String(255), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "group_id", name=op.f("pk_group_changes")),
    )
    op.drop_index(op.f("ix_grants_team_id_right_subject_id"), "grants")
    op.create_index(op.f("ix_grants_team_id_right_subject_kind_subject_id"), "grants", NEW)


def downgrade() -> None:
    op.drop_index(op.f("ix_grants_team_id_right_subject_kind_subject_id"), "grants")
    op.create_index(op.f("ix_grants_team_id_right_subject_id"), "grants", OLD)
    op.drop_table("group_changes")
