"""Store the checks of visible files as due work.

Revision: 0021
Follows: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WATCHED = (
    "shares_due_at IS NOT NULL AND taken_back_at IS NULL AND outcome = 'raw' "
    "AND state IN ('delivered', 'unconfirmed') AND destination_channel_id IS NOT NULL"
)
TO_GO = (
    "recheck_at IS NOT NULL AND (state = 'failed' OR delete_asked_by IS NOT NULL "
    "OR taken_back_cause IS NOT NULL OR taken_back_at IS NOT NULL)"
)


def upgrade() -> None:
    key = "team_id || '/' || destination_channel_id"
    _make_due("check_audience", key, "MIN(shares_due_at)", f"{WATCHED} GROUP BY {key}")
    _make_due("check_shares", "'in turn'", "MIN(shares_due_at)", f"{WATCHED} GROUP BY outcome")
    _make_due("take_back", "id", "recheck_at", TO_GO)
    op.drop_index(op.f("ix_deliveries_recheck_at"), "deliveries")


def _make_due(kind: str, key: str, due_at: str, which: str) -> None:
    op.execute(
        "INSERT INTO due_work (kind, key, due_at, tries, revision) "
        f"SELECT '{kind}', {key}, {due_at}, 0, 0 FROM deliveries WHERE {which}"
    )


def downgrade() -> None:
    op.create_index(op.f("ix_deliveries_recheck_at"), "deliveries", ["recheck_at"])
    op.execute(f"UPDATE deliveries SET recheck_at = shares_due_at WHERE {WATCHED}")
    op.execute(
        "DELETE FROM due_work WHERE kind IN ('check_audience', 'check_shares', 'take_back')"
    )
