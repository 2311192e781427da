"""What the audit chain costs: proving a million events, and fifty writers at once.

As a script it proves the chain of the store named by its argument, and prints what that took: in
a process of its own, so that the memory is that of the proof.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from bot.audit.chain import FIRST_PREVIOUS, Link
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.audit.verify import heads, verify
from bot.store.database import Database
from tests.bench.stores import POSTGRESQL, SQLITE, migrated, store_urls

TEAM = "T0BENCH000"
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
FEW_EVENTS, EVENTS = 10_000, 1_000_000
WRITERS, EVENTS_EACH = 50, 20


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
                    "at": at.strftime("%Y-%m-%d %H:%M:%S.%f"),  # as SQLite keeps it
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


async def verified(database: Database) -> int:
    async with database.read() as session:
        assert [finding async for finding in verify(session)] == []
        return (await heads(session))[0].seq


def peak_mib() -> float:
    """Tell the most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def prove(small_url: str, large_url: str) -> None:
    """Prove a short chain first, so that everything is loaded; then the long one."""
    told = []
    for url in (small_url, large_url):
        database = Database(url)
        begun = time.perf_counter()
        count = await verified(database)
        told.append((count, time.perf_counter() - begun, peak_mib()))
        await database.close()
    (few, _, before), (count, took, after) = told
    print(
        f"  {count:,} events proven in {took:.1f} s, {count / took:,.0f} a second; "
        f"peak memory {after:.1f} MiB, {after - before:.1f} MiB above that of {few:,} events"
    )


async def bench_verify(small_url: str, large_url: str) -> None:
    """Write a short and a long chain, and prove both in another process."""
    for url, count in ((small_url, FEW_EVENTS), (large_url, EVENTS)):
        async with migrated(url) as database:
            await write_chain(database, count)
    command = [sys.executable, "-m", "tests.bench.audit_chain", small_url, large_url]
    await asyncio.to_thread(subprocess.run, command, check=True)


async def bench_writers(database: Database) -> None:
    async def writer(number: int) -> None:
        for count in range(EVENTS_EACH):
            async with database.write() as session:
                await record(
                    session,
                    AuditEvent(
                        tag=AuditTag.GRANT_ADDED,
                        team_id=TEAM,
                        actor_id=f"U{number:08d}",
                        occurred_at=NOW,
                        payload={"grant_id": count},
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


async def run() -> None:
    """Measure the proof on SQLite, and the writers where there can be many."""
    with store_urls() as urls:
        await bench_verify(urls[SQLITE] + ".short", urls[SQLITE])
        async with migrated(urls[POSTGRESQL]) as database:
            await bench_writers(database)


if __name__ == "__main__":
    asyncio.run(prove(*sys.argv[1:]))
