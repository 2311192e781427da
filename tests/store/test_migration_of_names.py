"""Values under former names are read under the new ones, after the migration and back."""

from alembic import command
from sqlalchemy import Connection, Engine, text

from bot.store.engines import async_url
from bot.store.schema import alembic_config, upgrade
from tests.store.test_migration_of_cards import INSERT
from tests.store.test_migrations_of_audit import NOON, blocking, spelt


def test_facts_of_deliveries_and_due_work_keep_their_values(empty_url):
    url = async_url(empty_url)
    upgrade(url, "0023")
    engine = blocking(empty_url)
    with engine.begin() as connection:
        _insert(connection, spelt(engine, NOON))
    before = _read(engine, "told_at, doubted_since", "left_files")

    upgrade(url, "0024")

    after = _read(engine, "notified_at, unverified_since", "orphaned_files")
    assert after == (before[0], before[1], ["digest_notify", "orphaned_file"])
    command.downgrade(alembic_config(url), "0023")
    assert _read(engine, "told_at, doubted_since", "left_files") == before
    engine.dispose()


def _insert(connection: Connection, at: object) -> None:
    row = {"id": "own", "thread": None, "parent": "1.0", "no": False, "at": at}
    connection.execute(INSERT, row)
    connection.execute(text("UPDATE deliveries SET told_at = :at"), {"at": at})
    connection.execute(
        text(
            "INSERT INTO left_files (file_id, delivery_id, team_id, watched_until_at) "
            "VALUES ('F0', 'own', 'T0', :at)"
        ),
        {"at": at},
    )
    for kind in ("left_file", "digest_tell"):
        connection.execute(
            text(
                "INSERT INTO due_work (kind, key, due_at, tries, revision, takeovers) "
                "VALUES (:kind, 'F0', :at, 0, 0, 0)"
            ),
            {"kind": kind, "at": at},
        )


def _read(engine: Engine, columns: str, table: str) -> tuple[list[object], list[object], list[str]]:
    with engine.connect() as connection:
        deliveries = connection.execute(text(f"SELECT {columns} FROM deliveries")).all()
        files = connection.execute(text(f"SELECT file_id FROM {table}")).scalars().all()
        kinds = connection.execute(text("SELECT kind FROM due_work ORDER BY kind")).scalars().all()
    return [tuple(row) for row in deliveries], list(files), list(kinds)
