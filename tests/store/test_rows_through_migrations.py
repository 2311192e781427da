"""Rows stored at any revision exist after all later migrations."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, DateTime, Engine, Integer, MetaData, String, Table, select
from sqlalchemy.orm import Session

from bot.recordings.deliveries.delivery import ENDED, State
from bot.store.engines import async_url
from bot.store.schema import alembic_config, upgrade
from bot.store.tables import Base, DeliveryRow, DueWorkRow
from tests.store.test_migrations import blocking

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW_CALLED = {"left_files": "orphaned_files"}
MADE_ANEW = {"alembic_version", "due_work"}
"""Tables whose rows belong to a revision: migrations write and remove them."""
GONE = {"bot_users", "worker_leases"}
"""Tables that a later revision drops with their rows: caches and leases, which are built again."""
VALUES: dict[str, list[object]] = {
    "state": [each.value for each in State],
    "outcome": ["raw", "redacted", "refused"],
    "right": ["pii", "admin"],
    "effect": ["grant", "deny"],
    "subject_kind": ["user", "group"],
}


def test_rows_of_every_revision_survive_the_migrations_and_are_read_by_the_models(empty_url):
    url = async_url(empty_url)
    script = ScriptDirectory.from_config(alembic_config(url))
    engine = blocking(empty_url)
    stored: Counter[str] = Counter()
    open_deliveries: set[str] = set()
    for number, revision in enumerate(reversed([*script.walk_revisions()])):
        upgrade(url, revision.revision)
        for table, row in _store_in_each_table(engine, number):
            stored[NOW_CALLED.get(table, table)] += 1
            if table == "deliveries" and State(str(row["state"])) not in ENDED:
                open_deliveries.add(str(row["id"]))
    assert number > 20

    with Session(engine) as session:
        read = {
            mapper.local_table.name: len(session.scalars(select(mapper.class_)).all())
            for mapper in Base.registry.mappers
        }
        before_due_work = [row for row in open_deliveries if int(row.rpartition("-")[2]) < 15]
        due = set(session.scalars(select(DueWorkRow.key).where(DueWorkRow.kind == "deliver")))
        ids = set(session.scalars(select(DeliveryRow.id)))
    assert stored.keys() - read.keys() == GONE
    # A migration may add rows, such as the head of a chain without one.
    kept = stored.keys() - GONE
    assert {name: (stored[name], read[name]) for name in kept if read[name] < stored[name]} == {}
    assert before_due_work
    assert due.issuperset(before_due_work)
    assert ids.issuperset(due)
    engine.dispose()


def _store_in_each_table(engine: Engine, number: int) -> list[tuple[str, dict[str, Any]]]:
    """Store one row in each table as it is at this revision."""
    tables = MetaData()
    tables.reflect(engine)
    stored = []
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name in MADE_ANEW:
                continue
            row = _row(table, number, engine)
            connection.execute(table.insert(), row)
            stored.append((table.name, row))
    return stored


def _row(table: Table, number: int, engine: Engine) -> dict[str, Any]:
    """Fill every column at every second revision, and only the required ones at the others."""
    is_full = number % 2 == 0
    return {
        column.name: _value(column, number, engine)
        for column in table.columns
        if is_full or not column.nullable
        if not (column.primary_key and isinstance(column.type, Integer) and column.name == "id")
    }


def _value(column: Column[Any], number: int, engine: Engine) -> object:
    if column.name in VALUES:
        return VALUES[column.name][number % len(VALUES[column.name])]
    match column.type:
        case DateTime():
            return NOON if engine.name == "postgresql" else NOON.replace(tzinfo=None)
        case Boolean():
            return number % 2 == 0
        case String():
            return f"{column.name[:8]}-{number}"
        case Integer():
            return number
        case _ if column.type.python_type is dict:
            return {}
        case _:
            return float(number)
