"""Distinguish transcripts from audio; store the bot's message of each, and who requested deletion.

Revision: 0008
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Column("kind", sa.String(16), nullable=False, server_default="audio")
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(kind)
        batch.add_column(sa.Column("card_ts", sa.String(32), nullable=True))
        batch.add_column(sa.Column("delete_asked_by", sa.String(255), nullable=True))
        batch.create_index(op.f("ix_deliveries_parent_ts"), ["parent_ts"])
    # Up to this revision the bot's own message was always the parent of its thread.
    op.execute("UPDATE deliveries SET card_ts = parent_ts WHERE asked_thread_ts IS NULL")


def downgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_index(op.f("ix_deliveries_parent_ts"))
        batch.drop_column("delete_asked_by")
        batch.drop_column("card_ts")
        batch.drop_column("kind")
