"""The cost of a decision with many rights and many listeners."""

import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, text

from bot.access.policy import Outcome, Standing
from bot.access.policy_evaluation import PolicyEvaluator, Question
from bot.store.database import Database
from bot.store.tables import StandingRow
from tests.access.builders import Workspace, conversation, readers_on, statements_on
from tests.bench.rows import OURS, Row
from tests.bench.stores import migrated, store_urls

TEAM, CHANNEL = "T0BENCH000", "C0BENCH000"
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
GRANTS = 1_000_000
BOT = "U0CALLAUDIO"
"""The bot is in every channel it posts into, and is no listener."""
MEMBERS, FEW_MEMBERS, PER_PAGE = 10_000, 500, 1000


def user(number: int) -> str:
    return f"U{number:08d}"


def evaluator(database: Database, members: tuple[str, ...]) -> PolicyEvaluator:
    """Decide about one channel with these members, in a workspace without groups."""
    slack = Workspace(
        members_in=members,
        page_size=PER_PAGE,
        standings={BOT: Standing.BOT},
        place=conversation(CHANNEL, member_count=len(members)),
    )
    return readers_on(database, slack, clock=lambda: NOW, most=len(members)).evaluator()


async def give(database: Database, first: int, count: int) -> None:
    """Grant `pii` by name to ``count`` people, in one statement."""
    if database.is_sqlite:
        series = (
            "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n "
            "WHERE i + 1 < :end) "
        )
        name, source = "printf('U%08d', i)", "n"
    else:
        series = ""
        name = "'U' || lpad(i\\:\\:text, 8, '0')"
        source = "generate_series(CAST(:first AS int), CAST(:end AS int) - 1) AS n(i)"
    async with database.write() as session:
        await session.execute(
            text(
                'INSERT INTO grants (team_id, subject_kind, subject_id, "right", effect, given_by, '
                f"reason, starts_at) {series} SELECT '{TEAM}', 'user', {name}, 'pii', 'grant', "
                f"'U0BOSS', 'bench', CAST(:at AS {'TEXT' if database.is_sqlite else 'timestamptz'})"
                f" FROM {source}"
            ),
            {"first": first, "end": first + count, "at": spelt(database, NOW - timedelta(days=1))},
        )
    vacuum = "ANALYZE" if database.is_sqlite else "VACUUM ANALYZE grants"
    async with database.engine.connect() as connection:
        # PostgreSQL does this by itself after a while, SQLite does not; it must do no harm there.
        bare = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await bare.execute(text(vacuum))


def spelt(database: Database, at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f") + ("" if database.is_sqlite else "+00")


@dataclass(frozen=True)
class Taken:
    """Milliseconds of a decision: the median, and the minimum, without disturbance."""

    median: float
    least: float

    def __str__(self) -> str:
        return f"{self.median:.1f} ms (least {self.least:.1f})"


async def timed(database: Database, members: tuple[str, ...], rounds: int = 15) -> Taken:
    """Decide many times; the first one, which reads all standings from Slack, is not counted."""
    asked = Question(TEAM, members[0], CHANNEL, asked_redacted=False, has_raw_key=True)
    policy = evaluator(database, (*members, BOT))
    took = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        evaluation = await policy.evaluate(asked)
        took.append((time.perf_counter() - begun) * 1000)
        assert evaluation.decision.outcome is Outcome.RAW
    return Taken(statistics.median(took[1:]), min(took[1:]))


async def plan(database: Database) -> str:
    """Read the database's plan of the decision's query; returns the indexes."""
    with statements_on(database) as seen:
        await timed(database, (user(0),), rounds=1)
    statement, parameters = next(each for each in seen if "grants" in each[0])
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    async with database.engine.connect() as connection:
        rows = await connection.exec_driver_sql(explain + statement, parameters)
        told = " ".join(str(row) for row in rows)
    names = dict.fromkeys(word.strip("',()") for word in told.split() if "ix_" in word)
    return ", ".join(names) or f"no index: {told[:200]}"


async def bench(database: Database, kind: str) -> Taken:
    """Decide among few and many members, with as few rights as possible and with a million."""
    near = tuple(user(number) for number in range(MEMBERS))
    far = tuple(user(number * (GRANTS // MEMBERS)) for number in range(MEMBERS))
    one, few = near[:1], near[:FEW_MEMBERS]
    await give(database, 0, MEMBERS)
    before = [await timed(database, members) for members in (one, few, near)]
    begun = time.perf_counter()
    await give(database, MEMBERS, GRANTS - MEMBERS)
    inserted = time.perf_counter() - begun
    after = [await timed(database, members) for members in (one, few, near)]
    print(f"  {kind}: {GRANTS:,} grants in {inserted:.1f} s; along {await plan(database)}")
    for members, small, large in zip((one, few, near), before, after, strict=True):
        print(
            f"    {len(members):>6,} members: {small} with {MEMBERS:,} grants, "
            f"{large} with {GRANTS:,} (x{large.least / small.least:.2f})"
        )
    print(f"    {len(far):>6,} members, no two near in the index: {await timed(database, far)}")
    cold = [await timed_cold(database, few) for _ in range(5)]
    print(f"    {len(few):>6,} members, none remembered: {statistics.median(cold):.0f} ms")
    return after[-1]


async def timed_cold(database: Database, members: tuple[str, ...]) -> float:
    """Decide with every standing read from Slack; Slack takes no time here."""
    async with database.write() as session:
        await session.execute(delete(StandingRow))
    begun = time.perf_counter()
    asked = Question(TEAM, members[0], CHANNEL, asked_redacted=False, has_raw_key=True)
    await evaluator(database, (*members, BOT)).evaluate(asked)
    return (time.perf_counter() - begun) * 1000


async def run() -> list[Row]:
    """Measure both stores in turn."""
    rows = []
    with store_urls() as urls:
        for kind, url in urls.items():
            async with migrated(url) as database:
                taken = await bench(database, kind)
                words = f"a decision, {MEMBERS:,} members, {kind}"
                rows.append(Row(words, "ms", {OURS: taken.median}, "<= 40"))
    return rows
