"""Checks that the triggers that make the audit insert-only are present."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.inserts import is_on_sqlite

# As the migrations create them (a test compares), with single spaces.
_SEALED: Final = (
    "EXISTS (SELECT 1 FROM audit_checkpoints AS c WHERE c.team_id = OLD.team_id AND c.seq >= "
    "OLD.seq)"
)
# When each trigger fires, and what its message calls immutable.
_OF_SQLITE: Final[Mapping[str, tuple[str, str]]] = {
    "audit_events_no_update": ("BEFORE UPDATE ON audit_events", "events"),
    "audit_events_no_delete": (f"BEFORE DELETE ON audit_events WHEN NOT {_SEALED}", "events"),
    "audit_events_no_replace": (
        (
            "BEFORE INSERT ON audit_events WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM audit_events "
            "WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM audit_events "
            "WHERE team_id = NEW.team_id AND seq = NEW.seq)"
        ),
        "events",
    ),
    "audit_checkpoints_no_replace": (
        (
            "BEFORE INSERT ON audit_checkpoints WHEN EXISTS (SELECT 1 FROM audit_checkpoints WHERE "
            "team_id = NEW.team_id AND seq = NEW.seq)"
        ),
        "checkpoints",
    ),
    "audit_checkpoints_no_update": ("BEFORE UPDATE ON audit_checkpoints WHEN TRUE", "checkpoints"),
    "audit_checkpoints_no_delete": ("BEFORE DELETE ON audit_checkpoints WHEN TRUE", "checkpoints"),
}
_REFUSE: Final = "RAISE EXCEPTION 'audit {what} are never changed'; END"
_EVENTS_REFUSE: Final = (
    f"BEGIN IF TG_OP = 'DELETE' THEN IF {_SEALED} THEN RETURN OLD; END IF; END IF; "
    + _REFUSE.format(what="events")
)
# Table, the bits of pg_trigger.tgtype, and the body of its function.
_OF_POSTGRESQL: Final[Mapping[str, tuple[str, int, str]]] = {
    "audit_events_no_change": ("audit_events", 1 + 2 + 8 + 16, _EVENTS_REFUSE),
    "audit_events_no_truncate": ("audit_events", 2 + 32, _EVENTS_REFUSE),
    "audit_checkpoints_no_change": (
        "audit_checkpoints",
        2 + 8 + 16 + 32,
        "BEGIN " + _REFUSE.format(what="checkpoints"),
    ),
}


async def missing_triggers(session: AsyncSession) -> list[str]:
    """List the triggers that are missing, disabled or altered."""
    if is_on_sqlite(session):
        return await _missing_on_sqlite(session)
    return await _missing_on_postgresql(session)


async def _missing_on_sqlite(session: AsyncSession) -> list[str]:
    query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    found = {name: _spaced(sql) for name, sql in await session.execute(query)}
    return [
        name
        for name, (when, what) in _OF_SQLITE.items()
        if found.get(name) != f"CREATE TRIGGER {name} {when} "
        f"BEGIN SELECT RAISE(ABORT, 'audit {what} are never changed'); END"
    ]


async def _missing_on_postgresql(session: AsyncSession) -> list[str]:
    query = text(
        "SELECT t.tgname, c.relname, t.tgtype, p.prosrc FROM pg_trigger AS t "
        "JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid "
        "WHERE pg_table_is_visible(c.oid) AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL "
        "AND t.tgattr::text = ''"
    )
    found = {
        name: (table, kind, _spaced(source))
        for name, table, kind, source in await session.execute(query)
    }
    return [name for name, says in _OF_POSTGRESQL.items() if found.get(name) != says]


def _spaced(source: object) -> str:
    return " ".join(str(source).split())
