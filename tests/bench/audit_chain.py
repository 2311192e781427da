"""The cost of the audit chain: verifying a million events on each database, and fifty writers at
once. As a script it runs `callaudio audit verify` on the stores named by its arguments and prints
the time and memory: in a separate process, so that the memory is that of the verification.
"""

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import make_url, text

from bot.audit.chain import FIRST_PREVIOUS, Link
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.audit.snapshot import snapshot
from bot.audit.verify import heads, verify
from bot.cli.app import build_cli
from bot.store.database import Database
from tests.bench.stores import POSTGRESQL, SQLITE, migrated, store_urls

TEAM = "T0BENCH000"
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
FEW_EVENTS, EVENTS = 10_000, 1_000_000
WRITERS, EVENTS_EACH = 50, 200

# Among this many events, one adds a grant and one a request, each with its row.
EACH = 4
BOSS = "U0BOSS000"

EVENTS_OF = (
    "audit_events (seq, occurred_at, team_id, tag, actor_id, delivery_id, version, payload, "
    "previous_hash, hash)"
)
GRANTS_OF = (
    'grants (id, team_id, subject_kind, subject_id, "right", effect, given_by, reason, starts_at)'
)
DELIVERIES_OF = (
    "deliveries (id, team_id, user_id, source, agent_name, conversation_id, direction, "
    "asked_redacted, origin_channel_id, asked_channel_id, requested_at, state)"
)


def chain(count: int) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a chain, in the order of `EVENTS_OF`."""
    previous = FIRST_PREVIOUS
    for seq in range(1, count + 1):
        tag, delivery_id, payload = AuditTag.ADMIN_REFUSED, None, {"action": "grant"}
        if seq % EACH == 0:
            tag, payload = AuditTag.GRANT_ADDED, granted(seq)
        elif seq % EACH == 1:
            tag, delivery_id = AuditTag.DELIVERY_REQUESTED, f"d{seq}"
        link = Link(seq, at(seq), TEAM, tag.value, BOSS, delivery_id, 1, payload, previous)
        digest = link.hash()
        told = json.dumps(payload)
        yield seq, spelt(seq), TEAM, tag.value, BOSS, delivery_id, 1, told, previous, digest
        previous = digest


def granted(seq: int) -> dict[str, object]:
    subject = {"subject_kind": "user", "subject_id": f"U{seq:08d}"}
    return {"grant_id": seq, **subject, "right": "pii", "effect": "grant", "expires_at": None}


def grants(count: int) -> Iterator[tuple[object, ...]]:
    for seq in range(EACH, count + 1, EACH):
        yield seq, TEAM, "user", f"U{seq:08d}", "pii", "grant", BOSS, "bench", spelt(seq)


def deliveries(count: int) -> Iterator[tuple[object, ...]]:
    for seq in range(1, count + 1, EACH):
        about = "command", "default", "CA1", "combined", False, "C0", "C0"
        yield f"d{seq}", TEAM, BOSS, *about, spelt(seq), "requested"


def at(seq: int) -> datetime:
    return NOW + timedelta(seconds=seq)


def spelt(seq: int) -> str:
    """Format a time as SQLite stores it, and PostgreSQL reads it."""
    return at(seq).strftime("%Y-%m-%d %H:%M:%S.%f")


async def write_chain(database: Database, count: int) -> None:
    """Write a chain and the rows that it describes, as the product would, in bulk."""
    async with database.engine.begin() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        if not database.is_sqlite:
            await driver.execute("SET LOCAL TimeZone = 'UTC'")
        for table, rows in (
            (EVENTS_OF, chain(count)),
            (GRANTS_OF, grants(count)),
            (DELIVERIES_OF, deliveries(count)),
        ):
            if database.is_sqlite:
                places = ", ".join("?" * len(table.split(",")))
                await driver.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
                continue
            async with driver.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    await copy.write_row(row)
        await connection.execute(
            text(
                "INSERT INTO audit_heads (team_id, seq, hash) "
                "SELECT team_id, seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1"
            )
        )


async def verified(database: Database) -> int:
    async with snapshot(database) as session:
        assert [finding async for finding in verify(session)] == []
        return (await heads(session))[0].seq


def peak_mib() -> float:
    """Return the peak memory of this process."""
    # The peak that `getrusage` returns for a started process includes that of its parent.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def prove(small_url: str, large_url: str) -> None:
    """Verify a short chain first, so that everything is loaded; then the long one."""
    told = []
    for url in (small_url, large_url):
        os.environ["DATABASE_URL"] = url
        begun, said = time.perf_counter(), io.StringIO()
        with contextlib.redirect_stdout(said):
            build_cli()(["audit", "verify"], standalone_mode=False)
        (_, _, head) = said.getvalue().partition(f"head {TEAM}:")
        told.append((int(head.split(":")[0]), time.perf_counter() - begun, peak_mib()))
    (few, _, before), (count, took, after) = told
    print(
        f"  {count:,} events proven in {took:.1f} s, {count / took:,.0f} a second; "
        f"peak memory {after:.1f} MiB, {after - before:.1f} MiB above that of {few:,} events"
    )


async def bench_verify(kind: str, small_url: str, large_url: str) -> None:
    """Write a short and a long chain, and verify both in another process."""
    for url, count in ((small_url, FEW_EVENTS), (large_url, EVENTS)):
        async with migrated(url) as database:
            await write_chain(database, count)
    print(f"  `audit verify` on {kind}:", flush=True)
    command = [sys.executable, "-m", "tests.bench.audit_chain", small_url, large_url]
    await asyncio.to_thread(subprocess.run, command, check=True)


async def bench_writers(database: Database) -> None:
    async def writer(number: int) -> None:
        for count in range(EVENTS_EACH):
            async with database.write() as session:
                await record(
                    session,
                    AuditEvent(
                        tag=AuditTag.ADMIN_REFUSED,
                        team_id=TEAM,
                        actor_id=f"U{number:08d}",
                        occurred_at=NOW,
                        payload={"count": count},
                    ),
                )

    begun = time.perf_counter()
    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    took = time.perf_counter() - begun
    assert await verified(database) == WRITERS * EVENTS_EACH
    print(
        f"  {WRITERS} writers x {EVENTS_EACH} events on PostgreSQL: one unbroken chain, "
        f"{took:.1f} s, {WRITERS * EVENTS_EACH / took:,.0f} events/s"
    )


def another(url: str, name: str) -> str:
    """Return the URL of an empty database on the same server."""
    if url.startswith("sqlite"):
        return f"{url}.{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def run() -> None:
    """Measure the verification on both databases, and concurrent writers on PostgreSQL."""
    with store_urls() as urls:
        for kind in (SQLITE, POSTGRESQL):
            await bench_verify(kind, another(urls[kind], "short"), urls[kind])
        async with migrated(another(urls[POSTGRESQL], "many")) as database:
            await bench_writers(database)


if __name__ == "__main__":
    prove(*sys.argv[1:])
