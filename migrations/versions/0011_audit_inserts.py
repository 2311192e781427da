"""Refuse to write over audit events, and to change checkpoints.

On SQLite REPLACE removes the row it writes over without any trigger of deletion.

Revision: 0011
Follows: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

REFUSE_EVENT = "audit events are never changed"
REFUSE_CHECKPOINT = "audit checkpoints are never changed"

# An id that the database is to choose reads as -1 here.
EVENT_EXISTS = """
    NEW.id > 0 AND EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM audit_events WHERE team_id = NEW.team_id AND seq = NEW.seq)
"""
CHECKPOINT_EXISTS = """
    EXISTS (SELECT 1 FROM audit_checkpoints WHERE team_id = NEW.team_id AND seq = NEW.seq)
"""
SQLITE_TRIGGERS = {
    "audit_events_no_replace": ("INSERT ON audit_events", EVENT_EXISTS, REFUSE_EVENT),
    "audit_checkpoints_no_replace": (
        "INSERT ON audit_checkpoints",
        CHECKPOINT_EXISTS,
        REFUSE_CHECKPOINT,
    ),
    "audit_checkpoints_no_update": ("UPDATE ON audit_checkpoints", "TRUE", REFUSE_CHECKPOINT),
    "audit_checkpoints_no_delete": ("DELETE ON audit_checkpoints", "TRUE", REFUSE_CHECKPOINT),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, (what, when, words) in SQLITE_TRIGGERS.items():
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {what} WHEN {when} "
                f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_checkpoints_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{REFUSE_CHECKPOINT}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_checkpoints_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION audit_checkpoints_refuse()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in SQLITE_TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        return
    op.execute("DROP TRIGGER audit_checkpoints_no_change ON audit_checkpoints")
    op.execute("DROP FUNCTION audit_checkpoints_refuse()")
