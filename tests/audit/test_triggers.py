"""The triggers that make the audit insert-only: present, enabled, and equal to the migrations."""

import pytest

from bot.audit.snapshot import snapshot
from bot.audit.triggers import missing_triggers
from bot.store.database import Database

EVENTS, CHECKPOINTS = "audit_events", "audit_checkpoints"
OF_SQLITE = {
    "audit_events_no_update": EVENTS,
    "audit_events_no_delete": EVENTS,
    "audit_events_no_replace": EVENTS,
    "audit_checkpoints_no_replace": CHECKPOINTS,
    "audit_checkpoints_no_update": CHECKPOINTS,
    "audit_checkpoints_no_delete": CHECKPOINTS,
}
OF_POSTGRESQL = {
    "audit_events_no_change": EVENTS,
    "audit_events_no_truncate": EVENTS,
    "audit_checkpoints_no_change": CHECKPOINTS,
}


async def missing(database: Database, *statements: str) -> list[str]:
    async with database.engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    async with snapshot(database) as session:
        return await missing_triggers(session)


async def test_a_migrated_store_has_all_triggers(database):
    assert await missing(database) == []
    kept = OF_SQLITE if database.is_sqlite else OF_POSTGRESQL
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if database.is_sqlite
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    async with database.engine.connect() as connection:
        assert set((await connection.exec_driver_sql(query)).scalars()) == set(kept)


async def test_each_dropped_trigger_is_named(database):
    kept = OF_SQLITE if database.is_sqlite else OF_POSTGRESQL
    gone: list[str] = []
    for name, on in kept.items():
        where = "" if database.is_sqlite else f" ON {on}"
        gone.append(name)
        assert sorted(await missing(database, f"DROP TRIGGER {name}{where}")) == sorted(gone)


REFUSE = "SELECT RAISE(ABORT, 'audit events are never changed')"


@pytest.mark.parametrize(
    "instead",
    [
        pytest.param("ON audit_events BEGIN SELECT 1; END", id="it does nothing"),
        pytest.param(f"ON audit_events WHEN FALSE BEGIN {REFUSE}; END", id="it never fires"),
        pytest.param(f"ON grants BEGIN {REFUSE}; END", id="it is on another table"),
    ],
)
async def test_another_trigger_of_the_same_name_does_not_count_on_sqlite(sqlite_store, instead):
    name = "audit_events_no_update"
    created = f"CREATE TRIGGER {name} BEFORE UPDATE {instead}"
    assert await missing(sqlite_store, f"DROP TRIGGER {name}", created) == [name]


CHANGE, TRUNCATE = "audit_events_no_change", "audit_events_no_truncate"
FUNCTION = "EXECUTE FUNCTION audit_events_refuse()"


LET_PASS = (
    "CREATE OR REPLACE FUNCTION audit_events_refuse() RETURNS trigger "
    "LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
)


def replaced(name: str, fires: str) -> tuple[str, str]:
    return f"DROP TRIGGER {name} ON audit_events", f"CREATE TRIGGER {name} BEFORE {fires}"


@pytest.mark.parametrize(
    ("statements", "names"),
    [
        pytest.param(
            [f"ALTER TABLE audit_events DISABLE TRIGGER {TRUNCATE}"],
            [TRUNCATE],
            id="it is switched off",
        ),
        pytest.param(
            [f"ALTER TABLE audit_events ENABLE REPLICA TRIGGER {TRUNCATE}"],
            [TRUNCATE],
            id="it fires only for replicas",
        ),
        pytest.param(
            replaced(
                CHANGE, f"UPDATE OF version OR DELETE ON audit_events FOR EACH ROW {FUNCTION}"
            ),
            [CHANGE],
            id="it fires only for one column",
        ),
        pytest.param(
            replaced(TRUNCATE, f"TRUNCATE ON grants FOR EACH STATEMENT {FUNCTION}"),
            [TRUNCATE],
            id="it is on another table",
        ),
        pytest.param([LET_PASS], [CHANGE, TRUNCATE], id="its function lets everything pass"),
        pytest.param(
            replaced(CHANGE, f"DELETE ON audit_events FOR EACH ROW {FUNCTION}"),
            [CHANGE],
            id="it lets changes pass",
        ),
        pytest.param(
            replaced(
                CHANGE, f"UPDATE OR DELETE ON audit_events FOR EACH ROW WHEN (false) {FUNCTION}"
            ),
            [CHANGE],
            id="it never fires",
        ),
    ],
)
async def test_another_trigger_of_the_same_name_does_not_count_on_postgresql(
    migrated_postgresql, statements, names
):
    database = Database(migrated_postgresql())
    assert sorted(await missing(database, *statements)) == names
    await database.close()
