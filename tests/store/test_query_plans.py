"""The loop of a worker finds its work by an index, however much waits for later."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.once import forget_recent
from tests.conftest import NOON

LATER = NOON + timedelta(days=1)
KINDS = ["deliver", "retain", "digest"]
# Written the same on both databases.
FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO due_work (kind, key, due_at, tries, revision, claim, takeovers, turn)
SELECT 'deliver', 'd' || n, CAST(:at AS {time}), 0, 0, {claim}, 0, n FROM numbers
"""
RECENT = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO recent_requests (fingerprint, delivery_id, requested_at)
SELECT 'f' || n, 'd' || n, CAST(:at AS {time}) FROM numbers
"""


@pytest.mark.parametrize("rows", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
async def test_no_statement_of_the_loop_reads_the_whole_table(
    database: Database, rows: int
) -> None:
    time = "TEXT" if database.is_sqlite else "TIMESTAMPTZ"
    moment = LATER.replace(tzinfo=None) if database.is_sqlite else LATER
    at = f"{moment:%Y-%m-%d %H:%M:%S}.000000" if database.is_sqlite else moment
    # Of each hundred one is held, as by many workers.
    claim = "CASE WHEN n % 100 = 0 THEN 'w-' || n END"
    async with database.engine.begin() as connection:
        for statement in (FILL, RECENT):
            spelled = statement.format(time=time, claim=claim)
            await connection.execute(text(spelled), {"rows": rows, "at": at})
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("ANALYZE")
    said: dict[str, object] = {}

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def note(connection, cursor, statement, parameters, *_) -> None:
        del connection, cursor
        if any(table in statement for table in ("due_work", "recent_requests")):
            said.setdefault(statement, parameters)

    work = DueWork(database=database, clock=lambda: NOON, lease=timedelta(seconds=9))
    held = Due("deliver", "d100", 0, "w-100", 0, was_held=False)
    for takes_over in (False, True):
        await work.first_due(KINDS, takes_over=takes_over)
        for in_turn in (False, True):
            await work.claim("deliver", 4, takes_over=takes_over, in_turn=in_turn)
    await work.renew({"w-100", "w-200"})
    await work.release([held])
    await work.finish(held, LATER)
    await work.finish(held, None)
    await forget_recent(database, NOON)
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)

    assert len(said) >= 6
    assert {
        statement: plan
        for statement, parameters in said.items()
        if (plan := await whole_table(database, statement, parameters))
    } == {}


async def whole_table(database: Database, statement: str, parameters: object) -> str | None:
    """Tell the plan of a statement that reads a table from its beginning to its end."""
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    async with database.engine.connect() as connection:
        found = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
        plan = "\n".join(str(row[-1]) for row in found)
    tables = ("due_work", "recent_requests")
    reads_all = (
        any(line.strip() == f"SCAN {table}" for line in plan.splitlines() for table in tables)
        if database.is_sqlite
        else any(f"Seq Scan on {table}" in plan for table in tables)
    )
    return plan if reads_all else None
