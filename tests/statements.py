"""The SQL statements that a block sends, and their plans."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from bot.store.database import Database


@contextmanager
def statements_on(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements of the block with their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


async def plan_of(database: Database, statement: str, parameters: Any) -> list[str]:
    """Return the steps by which the database runs a statement."""
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    async with database.engine.connect() as connection:
        plan = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
        return [str(step[-1]) for step in plan]
