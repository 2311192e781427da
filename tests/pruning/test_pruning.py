"""Old deliveries are removed in batches, each with an event that names them for the audit."""

import asyncio
import itertools
import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.evidence_verifier import faults
from bot.audit.findings import ChainFault
from bot.audit.log import AuditFilter, record
from bot.audit.seal import seal
from bot.audit.snapshot import snapshot
from bot.audit.verify import verify
from bot.digests.digest import DigestKind
from bot.digests.digest_store import DigestStore
from bot.polyai.payloads import Direction
from bot.pruning.pruning import A_BATCH, PRUNE_EVERY, Pruning
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.evidence.evidence_pack import pack
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore
from bot.recordings.redaction.outcome import Comparison, Uncertainty, inconclusive
from bot.store.database import Database
from bot.store.enqueue import enqueue
from bot.store.tables import AccessRequestRow, AuditEventRow, DeliveryRow, RedactionCheckRow
from tests.audit.chains import OPS, overrule
from tests.conftest import NOON
from tests.pruning.test_prunable import ALICE, CHANNEL, TEAM, access_request
from tests.recordings.deliveries.rows import delivery_row
from tests.scenarios.digest_scene import add_digest

DAY = timedelta(days=1)
KEEP = 90 * DAY
PRUNED = AuditTag.DELIVERIES_PRUNED
KILLED = """
import asyncio, os, signal, sys
from sqlalchemy import event
from bot.store.database import Database
from tests.pruning.test_pruning import pruning

async def prune():
    database = Database(sys.argv[1])

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def die(connection, cursor, statement, *rest):
        if statement.startswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    await pruning(database).run()

asyncio.run(prune())
"""


async def test_old_deliveries_are_removed_with_an_event_that_names_them(database):
    await fill(database, 3)
    await fill(database, 2, name="young", age=KEEP - DAY)
    await fill(database, 1, name="theirs", team_id="T0SALES000")

    assert await pruning(database).run() == NOON + PRUNE_EVERY

    assert await left(database) == ["young0", "young1"]
    assert {each.team_id: each.payload for each in await events(database)} == {
        TEAM: payload("d0", "d1", "d2"),
        "T0SALES000": payload("theirs0"),
    }
    assert await findings(database) == []
    assert await pruning(database).run() == NOON + PRUNE_EVERY
    assert len(await events(database)) == 2, "a run that removes nothing writes no event"


async def test_pruning_continues_at_once_while_more_than_a_batch_is_left(database):
    await fill(database, A_BATCH + 1)

    assert await pruning(database).run() == NOON
    assert len(await left(database)) == 1
    assert await findings(database) == []
    assert await pruning(database).run() == NOON + PRUNE_EVERY
    assert await left(database) == []
    assert [len(each.payload["deliveries"]) for each in await events(database)] == [A_BATCH, 1]
    assert await findings(database) == []


async def test_without_a_limit_everything_stays(database):
    await fill(database, 1, age=4000 * DAY)
    assert await pruning(database, keep=None).run() is None
    assert await left(database) == ["d0"]


async def test_a_delivery_that_a_digest_still_counts_is_kept(database):
    await fill(database, 1, name="counted", age=300 * DAY)
    await fill(database, 1, name="over", age=367 * DAY)

    async def a_year_ago(team_id: str) -> datetime:
        assert team_id == TEAM
        return NOON - 366 * DAY

    await pruning(database, counted_since=a_year_ago).run()
    assert await left(database) == ["counted0"]


async def test_a_digest_in_an_unknown_zone_stops_pruning_only_in_its_workspace(database):
    await fill(database, 1)
    await fill(database, 1, name="theirs", team_id="T0SALES000")
    digests = DigestStore(database=database, clock=lambda: NOON)
    await add_digest(
        database, "g1", "0 9 * * *", zone="Mars/Olympus", kind=DigestKind.ACCESS, team_id=TEAM
    )

    worker = pruning(database, counted_since=digests.counted_since)

    with capture_logs() as logs:
        assert await worker.run() == NOON + PRUNE_EVERY

    assert await left(database) == ["d0"]
    skipped = {"team_id": TEAM, "code": "zone_unknown", "log_level": "warning"}
    assert logs[0] == {"event": "pruning_skipped", **skipped}
    assert await findings(database) == []


async def test_an_old_check_stays_while_its_recording_is_refused(database):
    differs, proven = Comparison(Verdict.DIFFERS, heard_db=-12.0), Comparison(Verdict.PROVEN)
    unclear = inconclusive(Uncertainty.BROKEN_OFF)
    times = (NOON - KEEP - DAY + each * timedelta(seconds=1) for each in itertools.count())
    store = CheckStore(database=database, clock=times.__next__)
    later = {
        "nothing more": (),
        "inconclusive": (unclear, {}),
        "another side is proven": (proven, {"direction": Direction.AGENT}),
        "of another agent": (proven, {"agent_name": "sales"}),
        "in another workspace": (proven, {"team_id": "T0OTHER00"}),
    }

    async def add(check_id: str, call: str, found: Comparison, **changes) -> None:
        ended = replace(check(check_id), conversation_id=call, **changes)
        await store.add_ended(ended, found, began_at=store.clock())

    for call, after in {**later, "proven since": (proven, {})}.items():
        await add(f"before, {call}", call, proven)
        await add(call, call, differs)
        if after:
            await add(f"after, {call}", call, after[0], **after[1])
    await fill(database, 0)

    await pruning(database).run()

    kept = {each for each in await ids(database, RedactionCheckRow) if "after" not in each}
    assert kept == set(later)
    assert await findings(database) == []


async def test_old_checks_and_access_requests_are_removed_too(database):
    old, young = NOON - KEEP - DAY, NOON - DAY
    async with database.write() as session:
        session.add_all(
            [
                access_request("approved", id="old", decided_at=old),
                access_request("denied", id="young", decided_at=young),
                access_request("approved", id="warns", decided_at=old),
                access_request("pending", id="open", requested_at=old),
            ]
        )
        enqueue(session, "access_request", "warns", now=NOON, due_at=NOON + 900 * DAY)
    await CheckStore(database=database, clock=lambda: NOON).ask(check("open"), trigger_id=None)
    for check_id, ended_at in (("old", old), ("young", young)):
        store = CheckStore(database=database, clock=itertools.repeat(ended_at).__next__)
        await store.add_ended(check(check_id), Comparison(Verdict.PROVEN), began_at=ended_at)
    await fill(database, 0)

    await pruning(database).run()

    assert await ids(database, RedactionCheckRow) == ["open", "young"]
    assert await ids(database, AccessRequestRow) == ["open", "warns", "young"]
    (told,) = await events(database)
    assert told.payload == payload() | {"checks": 1, "access_requests": 1}
    assert await findings(database) == []


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize("moment", ["DELETE FROM deliveries", "INSERT INTO audit_events"])
async def test_a_worker_killed_in_a_batch_removes_nothing_and_the_next_worker_removes_it(
    database, database_url, moment
):
    await fill(database, 3)

    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED, database_url, moment], check=False
    )

    assert killed.returncode == -9
    assert len(await left(database)) == 3
    assert await findings(database) == []
    await pruning(database).run()
    assert await left(database) == []
    assert await findings(database) == []


async def test_two_workers_at_once_name_each_delivery_once(database):
    await fill(database, 5 * A_BATCH)

    async def prune_all() -> None:
        while await pruning(database).run() == NOON:
            pass

    await asyncio.gather(prune_all(), prune_all())
    # A worker that found the other's rows locked may wait for an hour.
    await prune_all()

    assert await left(database) == []
    named = Counter(each for row in await events(database) for each in row.payload["deliveries"])
    assert (len(named), set(named.values())) == (5 * A_BATCH, {1})
    assert await findings(database) == []


async def test_a_locked_delivery_is_left_for_the_next_time(migrated_postgresql):
    database = Database(migrated_postgresql())
    await fill(database, 2)
    async with database.write() as session:
        held = select(DeliveryRow).where(DeliveryRow.id == "d0").with_for_update()
        await session.scalar(held)
        await pruning(database).run()
    assert await left(database) == ["d0"]
    await database.close()


async def test_a_delivery_that_was_removed_by_hand_is_found(database):
    await fill(database, 2)
    await fill(database, 1, name="by_hand", age=DAY)
    await pruning(database).run()
    await overrule(database, "DELETE FROM deliveries WHERE id = 'by_hand0'")

    async with database.read() as session:
        (found,) = [each async for each in verify(session) if each.seq]

    assert found.fault is ChainFault.DELIVERY_GONE
    assert "delivery by_hand0, which is missing, and no event records its pruning" in found.says


@pytest.mark.parametrize(
    "change",
    [
        *(
            f"payload = '{said}'"
            for said in ('{"deliveries": "d0"}', '{"deliveries": {}}', "[]", "3")
        ),
        "team_id = 'T0SALES000'",
    ],
)
async def test_a_forged_pruning_event_excuses_only_the_deliveries_that_it_names(database, change):
    await fill(database, 2)
    await pruning(database).run()
    await forge(database, change)
    assert {ChainFault.ALTERED, ChainFault.DELIVERY_GONE} <= {*await findings(database)}


async def test_invalid_json_in_a_pruning_event_is_found(sqlite_store):
    await fill(sqlite_store, 2)
    await pruning(sqlite_store).run()
    await forge(sqlite_store, "payload = '{'")
    assert Counter(await findings(sqlite_store)) == {
        ChainFault.ALTERED: 1,
        ChainFault.DELIVERY_GONE: 2,
    }


async def test_the_chain_verifies_whether_sealed_before_or_after(database):
    await fill(database, 1, name="sealed", age=KEEP + 3 * DAY)
    await fill(database, 1, name="later")
    assert await seal_before(database, NOON - KEEP - 2 * DAY) == 1
    await pruning(database).run()
    assert await left(database) == []
    assert await findings(database) == []
    await fill(database, 1, name="next", age=-2 * DAY)
    assert await seal_before(database, NOON + DAY) == 3
    assert await findings(database) == []
    await overrule(database, "DELETE FROM deliveries")
    assert await findings(database) == [ChainFault.DELIVERY_GONE]


async def test_evidence_of_a_call_verifies_after_its_delivery_is_pruned(database, tmp_path):
    await fill(database, 2)
    before = await packed(database, tmp_path / "before.zip")
    await pruning(database).run()
    after = await packed(database, tmp_path / "after.zip")

    assert before == after == 1
    assert list(faults(tmp_path / "before.zip")) == list(faults(tmp_path / "after.zip")) == []
    with zipfile.ZipFile(tmp_path / "after.zip") as files:
        (line,) = files.read("deliveries.jsonl").decode().splitlines()
    told = json.loads(line)
    names = ("delivery", "conversation", "asked_by", "is_pruned")
    assert [told[name] for name in names] == ["d0", "CAd0", ALICE, True]


async def fill(
    database: Database,
    count: int,
    *,
    name: str = "d",
    age: timedelta = KEEP + DAY,
    team_id: str = TEAM,
    **columns: object,
) -> None:
    """Store some redacted deliveries that ended at this age, each with the event of its request."""
    at = NOON - age
    usual = {"outcome": "redacted", "requested_at": at, "ended_at": at, "user_id": ALICE}
    async with database.write() as session:
        for number in range(count):
            delivery_id = f"{name}{number}"
            row = delivery_row(delivery_id, CHANNEL, team_id=team_id, **{**usual, **columns})
            session.add(row)
            await record(
                session,
                AuditEvent(
                    tag=AuditTag.DELIVERY_REQUESTED,
                    team_id=team_id,
                    actor_id=ALICE,
                    occurred_at=at,
                    delivery_id=delivery_id,
                    payload={"conversation_id": f"CA{delivery_id}"},
                ),
            )
        if not count:
            await record(session, AuditEvent(AuditTag.ADMIN_REFUSED, team_id, ALICE, at))


def pruning(
    database: Database,
    *,
    keep: timedelta | None = KEEP,
    now: datetime = NOON,
    counted_since: Callable[[str], Awaitable[datetime]] | None = None,
) -> Pruning:
    async def since_now(team_id: str) -> datetime:
        del team_id
        return now

    return Pruning(
        database=database, clock=lambda: now, keep=keep, counted_since=counted_since or since_now
    )


async def forge(database: Database, change: str) -> None:
    await overrule(database, f"UPDATE audit_events SET {change} WHERE tag = '{PRUNED.value}'")


def payload(*delivery_ids: str) -> dict[str, object]:
    return {
        "deliveries": [*delivery_ids],
        "checks": 0,
        "access_requests": 0,
        "ended_before": (NOON - KEEP).isoformat(),
    }


def check(check_id: str) -> Check:
    return Check(TEAM, CheckCause.SAMPLE, "default", "CA1", id=check_id)


async def left(database: Database) -> list[str]:
    return await ids(database, DeliveryRow)


async def ids(database: Database, row: type) -> list[str]:
    async with database.read() as session:
        return sorted(await session.scalars(select(row.id)))


async def events(database: Database) -> list[AuditEventRow]:
    query = select(AuditEventRow).where(AuditEventRow.tag == PRUNED.value)
    async with database.read() as session:
        return list(await session.scalars(query.order_by(AuditEventRow.id)))


async def findings(database: Database) -> list[ChainFault]:
    """The findings, without those about dropped triggers."""
    async with database.read() as session:
        found = [each.fault async for each in verify(session)]
    return [each for each in found if each is not ChainFault.TRIGGER_MISSING]


async def seal_before(database: Database, before: datetime) -> int:
    """Seal the chain at that time; returns the number of removed events."""
    async with database.write() as session:
        sealed = await seal(session, TEAM, before=before, by=OPS, now=before)
    return sealed.removed if sealed else 0


async def packed(database: Database, path: Path) -> int:
    """Pack the evidence of one call; returns the number of its events."""
    async with snapshot(database) as session:
        return (await pack(session, path, AuditFilter(conversation_id="CAd0"))).events
