"""Name columns, a table and kinds of work in the glossary's words.

Revision: 0024
Follows: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

COLUMNS = (
    ("deliveries", "waiting_told_at", "waiting_notified_at"),
    ("deliveries", "told_at", "notified_at"),
    ("deliveries", "untold_at", "notify_failed_at"),
    ("deliveries", "doubted_since", "unverified_since"),
    ("deliveries", "shares_doubted_since", "shares_unverified_since"),
    ("deliveries", "told_channels", "reported_channels"),
    ("access_requests", "told_at", "notified_at"),
    ("canaries", "told_at", "notified_at"),
)
KINDS = (("left_file", "orphaned_file"), ("digest_tell", "digest_notify"))


def upgrade() -> None:
    for table, old, new in COLUMNS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.rename_table("left_files", "orphaned_files")
    for old, new in KINDS:
        _rename_kind(old, new)


def downgrade() -> None:
    for old, new in KINDS:
        _rename_kind(new, old)
    op.rename_table("orphaned_files", "left_files")
    for table, old, new in COLUMNS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")


def _rename_kind(old: str, new: str) -> None:
    op.execute(f"UPDATE due_work SET kind = '{new}' WHERE kind = '{old}'")
