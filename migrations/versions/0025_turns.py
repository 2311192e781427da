"""Serve waiting people in turn: store for whom work is done, and in which round.

Revision: 0025
Follows: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("due_work") as due_work:
        due_work.add_column(sa.Column("requester", sa.String(255), nullable=True))
        due_work.add_column(sa.Column("turn", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index(op.f("ix_due_work_kind_turn_due_at"), "due_work", ["kind", "turn", "due_at"])
    is_somebodys = sa.text("requester IS NOT NULL")
    op.create_index(
        op.f("ix_due_work_requester"),
        "due_work",
        ["requester"],
        sqlite_where=is_somebodys,
        postgresql_where=is_somebodys,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_due_work_requester"), table_name="due_work")
    op.drop_index(op.f("ix_due_work_kind_turn_due_at"), table_name="due_work")
    with op.batch_alter_table("due_work") as due_work:
        due_work.drop_column("turn")
        due_work.drop_column("requester")
