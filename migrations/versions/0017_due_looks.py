"""Store checks of App Homes and access requests, and deletions of orphaned files, as due work.

Revision: 0017
Follows: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_due("home", "team_id || ':' || user_id", "look_at", "homes", "look_at IS NOT NULL")
    _make_due("left_file", "file_id", "delete_at", "left_files", "1 = 1")
    _make_due("access_request", "id", "look_at", "access_requests", "look_at IS NOT NULL")
    op.drop_index(op.f("ix_access_requests_look_at"), "access_requests")
    op.drop_column("access_requests", "look_at")
    op.drop_index(op.f("ix_homes_look_at"), "homes")
    op.drop_column("homes", "look_at")
    op.drop_index(op.f("ix_left_files_delete_at"), "left_files")
    op.drop_column("left_files", "delete_at")


def _make_due(kind: str, key: str, due_at: str, table: str, which: str) -> None:
    op.execute(
        "INSERT INTO due_work (kind, key, due_at, tries, revision) "
        f"SELECT '{kind}', {key}, {due_at}, 0, 0 FROM {table} WHERE {which}"
    )


def downgrade() -> None:
    op.add_column("homes", sa.Column("look_at", AT, nullable=True))
    op.create_index(op.f("ix_homes_look_at"), "homes", ["look_at"])
    op.execute("UPDATE homes SET look_at = published_at")
    op.add_column("left_files", sa.Column("delete_at", AT, nullable=True))
    op.execute("UPDATE left_files SET delete_at = watched_until_at")
    with op.batch_alter_table("left_files") as table:
        table.alter_column("delete_at", nullable=False)
    op.create_index(op.f("ix_left_files_delete_at"), "left_files", ["delete_at"])
    op.add_column("access_requests", sa.Column("look_at", AT, nullable=True))
    op.create_index(op.f("ix_access_requests_look_at"), "access_requests", ["look_at"])
    op.execute("UPDATE access_requests SET look_at = requested_at")
    op.execute("DELETE FROM due_work WHERE kind IN ('home', 'left_file', 'access_request')")
