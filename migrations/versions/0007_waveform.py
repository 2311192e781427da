"""Keep the waveform's file beside the recording's, and the files that must still be deleted.

Revision: 0007
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(sa.Column("picture_file_id", sa.String(255), nullable=True))
        batch.add_column(sa.Column("muted_spans", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("muted_seconds", sa.Double(), nullable=True))
        batch.add_column(
            sa.Column(
                "muted_where", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=True
            )
        )
    op.create_table(
        "left_files",
        sa.Column("file_id", sa.String(255), nullable=False),
        sa.Column("delivery_id", sa.String(64), nullable=False),
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("channel_id", sa.String(255), nullable=True),
        sa.Column("delete_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_until_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_left_files")),
    )
    op.create_index(op.f("ix_left_files_delete_at"), "left_files", ["delete_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_left_files_delete_at"), "left_files")
    op.drop_table("left_files")
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_column("muted_where")
        batch.drop_column("muted_seconds")
        batch.drop_column("muted_spans")
        batch.drop_column("picture_file_id")
