"""Chain the audit events, and let the database itself refuse to change them.

Revision: 0002
Follows: 0001
"""

from datetime import UTC

import sqlalchemy as sa
from alembic import op

from bot.audit.chain import FIRST_PREVIOUS, Link

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUSE = "audit events are never changed"
SEALED = """
    EXISTS (SELECT 1 FROM audit_checkpoints AS c WHERE c.team_id = OLD.team_id AND c.seq >= OLD.seq)
"""


def upgrade() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("team_id", sa.String(255), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_by", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "seq", name=op.f("pk_audit_checkpoints")),
    )
    with op.batch_alter_table("audit_events") as batch:
        batch.add_column(sa.Column("seq", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("previous_hash", sa.String(64), nullable=True))
        batch.add_column(sa.Column("hash", sa.String(64), nullable=True))
    _chain_what_is_there()
    with op.batch_alter_table("audit_events") as batch:
        batch.alter_column("seq", existing_type=sa.BigInteger(), nullable=False)
        batch.alter_column("previous_hash", existing_type=sa.String(64), nullable=False)
        batch.alter_column("hash", existing_type=sa.String(64), nullable=False)
        batch.create_unique_constraint(op.f("uq_audit_events_team_id_seq"), ["team_id", "seq"])
    _create_triggers()


def downgrade() -> None:
    _drop_triggers()
    with op.batch_alter_table("audit_events") as batch:
        batch.drop_constraint(op.f("uq_audit_events_team_id_seq"), type_="unique")
        batch.drop_column("hash")
        batch.drop_column("previous_hash")
        batch.drop_column("seq")
    op.drop_table("audit_checkpoints")
    op.drop_table("audit_heads")


def _chain_what_is_there() -> None:
    """Link the events written before there was a chain, in the order of their ids."""
    bind = op.get_bind()
    events = sa.table(
        "audit_events",
        sa.column("id", sa.BigInteger),
        sa.column("occurred_at", sa.DateTime(timezone=True)),
        *(sa.column(name, sa.String) for name in ("team_id", "tag", "actor_id", "delivery_id")),
        sa.column("version", sa.Integer),
        sa.column("payload", sa.JSON),
        sa.column("seq", sa.BigInteger),
        sa.column("previous_hash", sa.String),
        sa.column("hash", sa.String),
    )
    last: dict[str, tuple[int, str]] = {}
    for row in bind.execute(sa.select(events).order_by(events.c.id)).all():
        seq, previous_hash = last.get(row.team_id, (0, FIRST_PREVIOUS))
        at = row.occurred_at
        link = Link(
            seq=seq + 1,
            occurred_at=at if at.tzinfo else at.replace(tzinfo=UTC),
            team_id=row.team_id,
            tag=row.tag,
            actor_id=row.actor_id,
            delivery_id=row.delivery_id,
            version=row.version,
            payload=row.payload,
            previous_hash=previous_hash,
        )
        last[row.team_id] = (link.seq, link.hash())
        bind.execute(
            sa.update(events)
            .where(events.c.id == row.id)
            .values(seq=link.seq, previous_hash=previous_hash, hash=link.hash())
        )
    heads = sa.table(
        "audit_heads",
        sa.column("team_id", sa.String),
        sa.column("seq", sa.BigInteger),
        sa.column("hash", sa.String),
    )
    for team_id, (seq, digest) in last.items():
        bind.execute(sa.insert(heads).values(team_id=team_id, seq=seq, hash=digest))


def _create_triggers() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSE}'); END"
        )
        op.execute(
            "CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events "
            f"WHEN NOT {SEALED} BEGIN SELECT RAISE(ABORT, '{REFUSE}'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' THEN IF {SEALED} THEN RETURN OLD; END IF; END IF; "
        f"RAISE EXCEPTION '{REFUSE}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events "
        "FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()"
    )
    op.execute(
        "CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()"
    )


def _drop_triggers() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_events_no_update")
        op.execute("DROP TRIGGER audit_events_no_delete")
        return
    op.execute("DROP TRIGGER audit_events_no_truncate ON audit_events")
    op.execute("DROP TRIGGER audit_events_no_change ON audit_events")
    op.execute("DROP FUNCTION audit_events_refuse()")
