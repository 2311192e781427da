"""Store an encoding that players may not support, and whether a recording is shared alone.

Revision: 0015
Follows: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(sa.Column("encoding", sa.String(40), nullable=True))
        batch.add_column(
            sa.Column("without_picture", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_column("without_picture")
        batch.drop_column("encoding")
