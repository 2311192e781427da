"""Every frequent statement finds its rows by an index, in tables of any size."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.recordings.deliveries.delivery_statistics import DeliveryStatistics
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.recordings.deliveries.redaction_safety import RedactionSafety
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.deliveries.unsafe_redacted_files import of_recording, order_take_back
from bot.recordings.requests.fair_queue import read_fair_queue
from bot.recordings.take_back.due_files import DueFiles
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.idempotency import forget_recent
from tests.conftest import NOON
from tests.pruning.test_pruning import pruning
from tests.recordings.deliveries.rows import under_way
from tests.statements import plan_of, statements_on

LATER = NOON + timedelta(days=1)
KINDS = ["deliver", "retain", "digest"]
TEAM = "T0QUALITY0"
# The same on both databases.
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


# A year of deliveries, one in a thousand of them raw and visible, and of their checks.
DELIVERIES = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO deliveries (id, team_id, user_id, source, agent_name, conversation_id, kind, direction,
asked_redacted, origin_channel_id, asked_channel_id, requested_at, ended_at, state, outcome,
without_picture, shares_due_at)
SELECT 'd' || n, 'T0QUALITY0', 'U' || (n % 100), 'command', 'default', 'CA' || n, 'audio',
'combined', FALSE, 'C1', 'C1', {moment}, {moment}, 'delivered',
CASE WHEN n % 1000 = 0 THEN 'raw' ELSE 'redacted' END, FALSE,
CASE WHEN n % 1000 = 0 THEN {moment} END FROM numbers
"""
CHECKS = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO redaction_checks (id, team_id, asked_by, cause, agent_name, conversation_id, direction,
requested_at, ended_at)
SELECT 'k' || n, 'T0QUALITY0', 'system', 'sample', 'default', 'CA' || n, 'combined', {moment},
{moment} FROM numbers
"""
MOMENT = {
    "sqlite": (
        "strftime('%Y-%m-%d %H:%M:%f000', :at, '-' || (n * 365 * 86400 / :rows) || ' seconds')"
    ),
    "postgresql": "CAST(:at AS TIMESTAMPTZ) - n * INTERVAL '365 days' / :rows",
}


@pytest.mark.parametrize("rows", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
async def test_no_statement_of_the_work_loop_reads_the_whole_table(database, rows):
    # One of a hundred is held, as by many workers.
    claim = "CASE WHEN n % 100 = 0 THEN 'w-' || n END"
    await fill(database, rows, LATER, FILL, RECENT, claim=claim)
    work = DueWork(database=database, clock=lambda: NOON, lease=timedelta(seconds=9))
    held = Due("deliver", "d100", 0, "w-100", 0, was_held=False)
    with statements_on(database) as sent:
        for takes_over in (False, True):
            await work.first_due(KINDS, takes_over=takes_over)
            for in_turn in (False, True):
                await work.claim("deliver", 4, takes_over=takes_over, in_turn=in_turn)
            await work.claim("deliver", 4, takes_over=takes_over, in_turn=True, passed_over=[1])
        await work.renew({"w-100", "w-200"})
        await work.release([held])
        await work.finish(held, LATER)
        await work.finish(held, None)
        await forget_recent(database, NOON)
        async with database.read() as session:
            await read_fair_queue(await session.connection(), [f"{TEAM}:U1"], [0, 1], NOON)

    assert await whole_tables(database, sent, "due_work", "recent_requests") == {}


@pytest.mark.parametrize("rows", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
async def test_no_statement_that_prunes_counts_or_checks_deliveries_reads_the_whole_table(
    database, rows
):
    await fill(database, rows, NOON, DELIVERIES, CHECKS)
    async with database.write() as session:
        refused = AuditEvent(AuditTag.ADMIN_REFUSED, TEAM, "U1", NOON)
        await record(session, refused)
    files = DueFiles(
        database=database,
        clock=lambda: NOON,
        check_schedule=FileCheckSchedule(keep=None, check_every=timedelta(minutes=1)),
    )
    early_checks = EarlyFileChecks(database=database, clock=lambda: NOON)
    yesterday = NOON - timedelta(days=1)
    of_call, differs = of_recording(TEAM, "default", "CA1"), TakeBackCause.REDACTION_DIFFERS
    delivery = under_way(team_id=TEAM)
    with statements_on(database) as sent:
        assert await pruning(database, keep=timedelta(days=90), now=NOON).run() == NOON
        await files.next_in_turn()
        await files.next_turn_at()
        await early_checks.check_now(TEAM)
        await early_checks.check_now(TEAM, "C1")
        await RedactionSafety(database).require(delivery)
        async with database.write() as session:
            await order_take_back(session, differs, of_call, NOON)
        async with database.read() as session:
            counted = DeliveryStatistics(session, team_id=TEAM, since=yesterday, until=NOON)
            await counted.by_result()

    assert any(each.startswith("DELETE FROM deliveries") for each, _ in sent)
    assert await whole_tables(database, sent, "deliveries", "redaction_checks") == {}


async def fill(
    database: Database, rows: int, at: datetime, *statements: str, claim: str = ""
) -> None:
    """Fill tables with this number of rows, and update the planner's statistics."""
    time = "TEXT" if database.is_sqlite else "TIMESTAMPTZ"
    moment = MOMENT["sqlite" if database.is_sqlite else "postgresql"]
    when = f"{at:%Y-%m-%d %H:%M:%S}.000000" if database.is_sqlite else at
    async with database.engine.begin() as connection:
        for statement in statements:
            spelled = statement.format(time=time, claim=claim, moment=moment)
            await connection.execute(text(spelled), {"rows": rows, "at": when})
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("ANALYZE")


async def whole_tables(
    database: Database, sent: Sequence[tuple[str, Any]], *tables: str
) -> dict[str, list[str]]:
    """Return the plan of each statement about these tables that reads a whole one."""
    about = {statement: values for statement, values in reversed(sent) if _names(statement, tables)}
    assert len(about) >= 6
    plans = {statement: await plan_of(database, statement, about[statement]) for statement in about}
    reads_all = "^SCAN ({})$" if database.is_sqlite else "Seq Scan on ({})"
    pattern = re.compile(reads_all.format("|".join(tables)))
    return {each: plan for each, plan in plans.items() if any(map(pattern.search, plan))}


def _names(statement: str, tables: Collection[str]) -> bool:
    return any(table in statement for table in tables)
