"""Find the deliveries of a call: redacted ones are deleted if a check finds that one differs.

Revision: 0032
Follows: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_deliveries_conversation_id", "deliveries", ["conversation_id"])


def downgrade() -> None:
    op.drop_index("ix_deliveries_conversation_id", "deliveries")
