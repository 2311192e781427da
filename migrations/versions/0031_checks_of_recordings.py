"""Find the checks of a recording, which is refused after a check found that it differs.

Revision: 0031
Follows: 0030
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_redaction_checks_conversation_id", "redaction_checks", ["conversation_id"])


def downgrade() -> None:
    op.drop_index("ix_redaction_checks_conversation_id", "redaction_checks")
