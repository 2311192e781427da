"""The cost of a decision with many rights and many listeners."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, event, text

from bot.access.audience import AudienceReader
from bot.access.clearance import Clearances
from bot.access.directory import Conversation, MemberPage
from bot.access.policy import Outcome, Standing
from bot.access.policy_evaluation import PolicyEvaluator, Question
from bot.access.rights import Rights
from bot.access.standings import Standings
from bot.store.database import Database
from bot.store.tables import StandingRow
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


@dataclass(frozen=True)
class OneChannel:
    """A directory that answers from memory: one channel with the first people in it."""

    members_: tuple[str, ...]

    async def conversation(self, channel_id: str) -> Conversation:
        return Conversation(
            channel_id=channel_id,
            is_external=False,
            is_im=False,
            im_user_id=None,
            is_private=True,
            is_archived=False,
            bot_is_member=True,
            member_count=len(self.members_),
        )

    async def members(self, channel_id: str, cursor: str | None) -> MemberPage:
        del channel_id
        start = int(cursor or 0)
        end = start + PER_PAGE
        return MemberPage(self.members_[start:end], str(end) if end < len(self.members_) else None)

    async def standing(self, user_id: str) -> Standing:
        return Standing.BOT if user_id == BOT else Standing.MEMBER


class NoGroups:
    """A workspace in which no group holds a right."""

    async def members(self, team_id: str, group_id: str) -> frozenset[str]:
        raise AssertionError((team_id, group_id))


def evaluator(database: Database, members: tuple[str, ...]) -> PolicyEvaluator:
    directory = OneChannel(members)
    rights = Rights(
        database=database, groups=NoGroups(), clock=lambda: NOW, first_admins=frozenset()
    )
    standings = Standings(database=database, directory=directory, clock=lambda: NOW)
    audience = AudienceReader(rights=rights, standings=standings, max_audience=len(members))
    return PolicyEvaluator(
        directory=directory,
        clearances=Clearances(rights=rights, standings=standings),
        audience=audience,
        audience_must_be_cleared=True,
        external_channels=frozenset(),
    )


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


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, object]]]:
    """Record the statements that are sent to the database."""
    seen: list[tuple[str, object]] = []

    def note(_c, _cursor, statement, parameters, _context, _many):
        seen.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def plan(database: Database) -> str:
    """Read the database's plan of the decision's query; returns the indexes."""
    with statements(database) as seen:
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
