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


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(
            (
                "DROP TRIGGER audit_events_no_update",
                (
                    "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events "
                    "BEGIN SELECT 1; END"
                ),
            ),
            id="it does nothing",
        ),
        pytest.param(
            (
                "DROP TRIGGER audit_events_no_update",
                (
                    "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events "
                    "WHEN FALSE "
                    "BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END"
                ),
            ),
            id="it never fires",
        ),
        pytest.param(
            (
                "DROP TRIGGER audit_events_no_update",
                (
                    "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON grants "
                    "BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END"
                ),
            ),
            id="it is on another table",
        ),
    ],
)
async def test_another_trigger_of_the_same_name_does_not_count_on_sqlite(sqlite_url, statements):
    database = Database(sqlite_url)
    assert await missing(database, *statements) == ["audit_events_no_update"]
    await database.close()


MADE_ANEW = (
    "CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
    "EXECUTE FUNCTION {function}()"
)
DROP = "DROP TRIGGER audit_events_no_truncate ON audit_events"


@pytest.mark.parametrize(
    ("statements", "names"),
    [
        pytest.param(
            ("ALTER TABLE audit_events DISABLE TRIGGER audit_events_no_truncate",),
            ["audit_events_no_truncate"],
            id="it is switched off",
        ),
        pytest.param(
            ("ALTER TABLE audit_events ENABLE REPLICA TRIGGER audit_events_no_truncate",),
            ["audit_events_no_truncate"],
            id="it fires only for replicas",
        ),
        pytest.param(
            (
                "DROP TRIGGER audit_events_no_change ON audit_events",
                (
                    "CREATE TRIGGER audit_events_no_change BEFORE UPDATE OF version OR DELETE "
                    "ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()"
                ),
            ),
            ["audit_events_no_change"],
            id="it fires only for one column",
        ),
        pytest.param(
            (DROP, MADE_ANEW.format(table="grants", function="audit_events_refuse")),
            ["audit_events_no_truncate"],
            id="it is on another table",
        ),
        pytest.param(
            (
                (
                    "CREATE OR REPLACE FUNCTION audit_events_refuse() RETURNS trigger "
                    "LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
                ),
            ),
            ["audit_events_no_change", "audit_events_no_truncate"],
            id="its function lets everything pass",
        ),
        pytest.param(
            (
                "DROP TRIGGER audit_events_no_change ON audit_events",
                (
                    "CREATE TRIGGER audit_events_no_change BEFORE DELETE ON audit_events "
                    "FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()"
                ),
            ),
            ["audit_events_no_change"],
            id="it lets changes pass",
        ),
        pytest.param(
            (
                "DROP TRIGGER audit_events_no_change ON audit_events",
                (
                    "CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events "
                    "FOR EACH ROW WHEN (false) EXECUTE FUNCTION audit_events_refuse()"
                ),
            ),
            ["audit_events_no_change"],
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
