"""Keep what is to be done in one table, and what people are still to be told.

Work that the version before had stored and not finished becomes due: a delivery's row says what is
done, so it is delivered once. Its failure's words are known no more where it had failed already.

Revision: 0016
Follows: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(sa.dialects.postgresql.JSONB(), "postgresql")
ENDED = "('delivered', 'refused', 'failed', 'unconfirmed')"
SPELL_RUN = "'digest:' || digest_id || ':' || slot_local"


def upgrade() -> None:
    op.create_table(
        "due_work",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(64), nullable=True),
        sa.Column("lease_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_due_work")),
    )
    op.create_index(op.f("ix_due_work_kind_due_at"), "due_work", ["kind", "due_at"])
    op.create_index(op.f("ix_due_work_claim"), "due_work", ["claim"])
    for name, kind in (
        ("problem", JSON),
        ("waiting_since", sa.DateTime(timezone=True)),
        ("waiting_told_at", sa.DateTime(timezone=True)),
        ("told_at", sa.DateTime(timezone=True)),
        ("untold_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("deliveries", sa.Column(name, kind, nullable=True))
    # The way to answer was forgotten last of all, once the end was told.
    is_open = f"state NOT IN {ENDED} OR response_url IS NOT NULL"
    _make_due("deliver", "id", "requested_at", "deliveries", is_open)
    _make_due("digest", "id", "created_at", "digests", "paused_because IS NULL")
    _make_due("digest_post", SPELL_RUN, "claimed_at", "digest_runs", "state = 'claimed'")
    op.drop_index(op.f("ix_deliveries_dispatched_at_requested_at"), "deliveries")
    op.drop_index(op.f("ix_digest_runs_state_dispatched_at"), "digest_runs")
    op.drop_column("deliveries", "dispatched_at")
    op.drop_column("digest_runs", "dispatched_at")
    op.drop_table("worker_leases")


def _make_due(kind: str, key: str, due_at: str, table: str, which: str) -> None:
    op.execute(
        "INSERT INTO due_work (kind, key, due_at, tries, revision) "
        f"SELECT '{kind}', {key}, {due_at}, 0, 0 FROM {table} WHERE {which}"
    )


def downgrade() -> None:
    op.create_table(
        "worker_leases",
        sa.Column("executor_id", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name=op.f("pk_worker_leases")),
    )
    for table in ("deliveries", "digest_runs"):
        op.add_column(table, sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True))
    # The version before starts whatever it has not noted as started.
    op.execute(f"UPDATE deliveries SET dispatched_at = ended_at WHERE state IN {ENDED}")
    op.execute("UPDATE digest_runs SET dispatched_at = claimed_at WHERE state <> 'claimed'")
    op.create_index(op.f("ix_digest_runs_state_dispatched_at"), "digest_runs", ["state", "dispatched_at"])
    op.create_index(
        op.f("ix_deliveries_dispatched_at_requested_at"), "deliveries", ["dispatched_at", "requested_at"]
    )
    for name in ("problem", "waiting_since", "waiting_told_at", "told_at", "untold_at"):
        op.drop_column("deliveries", name)
    op.drop_table("due_work")
