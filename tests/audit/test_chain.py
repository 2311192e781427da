"""The audit chain: whole after concurrent writers, and broken by every kind of tampering."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.audit.chain import Link
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.audit.seal import seal
from bot.audit.verify import Fault, Finding, Head, heads, verify
from bot.store.database import Database, async_url
from bot.store.schema import upgrade

TEAM, OTHER = "T0QUALITY0", "T0SALES000"
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def event(number: int, team_id: str = TEAM) -> AuditEvent:
    return AuditEvent(
        tag=AuditTag.GRANT_ADDED,
        team_id=team_id,
        actor_id="U0BOSS000",
        occurred_at=NOON + timedelta(seconds=number),
        payload={"grant_id": number, "until": None, "right": "pii"},
    )


async def write(database: Database, count: int, team_id: str = TEAM) -> None:
    for number in range(1, count + 1):
        async with database.write() as session:
            await record(session, event(number, team_id))


async def found(database: Database, *anchors: Head) -> list[tuple[int, Fault]]:
    async with database.read() as session:
        return [(each.seq, each.fault) async for each in verify(session, anchors=anchors)]


async def tamper(database: Database, *statements: str) -> None:
    """Edit behind the program's back, as somebody who owns the database can."""
    sqlite = ("DROP TRIGGER audit_events_no_update", "DROP TRIGGER audit_events_no_delete")
    postgresql = (
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "ALTER TABLE audit_events DROP CONSTRAINT uq_audit_events_team_id_seq",
    )
    async with database.engine.begin() as connection:
        for statement in (*(sqlite if database.is_sqlite else postgresql), *statements):
            await connection.execute(text(statement))


async def test_an_untouched_chain_verifies_and_shows_its_head(database: Database) -> None:
    await write(database, 5)
    await write(database, 3, OTHER)

    assert await found(database) == []
    async with database.read() as session:
        assert [(head.team_id, head.seq) for head in await heads(session)] == [
            (TEAM, 5),
            (OTHER, 3),
        ]


async def test_an_empty_store_verifies(database: Database) -> None:
    assert await found(database) == []


async def test_a_rolled_back_change_leaves_no_gap(database: Database) -> None:
    await write(database, 1)
    with pytest.raises(RuntimeError):
        await record_and_fail(database)
    await write(database, 1)

    assert await found(database) == []


async def record_and_fail(database: Database) -> None:
    async with database.write() as session:
        await record(session, event(9))
        raise RuntimeError


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_events SET tag = 'x'", "DELETE FROM audit_events"]
)
async def test_the_database_itself_refuses_to_change_events(
    database: Database, statement: str
) -> None:
    await write(database, 2)

    with pytest.raises(DBAPIError, match="audit events are never changed"):
        await execute(database, statement)


async def execute(database: Database, statement: str) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text(statement))


@pytest.mark.parametrize(
    "column",
    ["tag = 'admin:grant:denied'", "actor_id = 'U0OTHER00'", "delivery_id = 'd1'", "version = 2"],
)
async def test_an_altered_event_is_named(database: Database, column: str) -> None:
    await write(database, 5)
    await tamper(database, f"UPDATE audit_events SET {column} WHERE seq = 3")

    assert await found(database) == [(3, Fault.ALTERED)]


async def test_an_altered_payload_is_named(database: Database) -> None:
    await write(database, 4)
    payload = '{"grant_id": 2, "until": null, "right": "admin"}'
    await tamper(
        database, f"UPDATE audit_events SET payload = '{payload}' WHERE seq = 2".replace(":", r"\:")
    )

    assert await found(database) == [(2, Fault.ALTERED)]


async def test_an_altered_time_is_named(database: Database) -> None:
    await write(database, 4)
    await tamper(
        database, r"UPDATE audit_events SET occurred_at = '2026-06-03 11\:00\:00' WHERE seq = 2"
    )

    assert await found(database) == [(2, Fault.ALTERED)]


async def test_a_removed_event_is_named(database: Database) -> None:
    await write(database, 5)
    await tamper(database, "DELETE FROM audit_events WHERE seq IN (2, 3)")

    assert await found(database) == [(2, Fault.REMOVED)]


async def test_a_removed_tail_is_named(database: Database) -> None:
    await write(database, 5)
    await tamper(database, "DELETE FROM audit_events WHERE seq > 3")

    assert await found(database) == [(3, Fault.TAIL_REMOVED)]


async def test_a_removed_chain_is_named(database: Database) -> None:
    await write(database, 2)
    await tamper(database, "DELETE FROM audit_events")

    assert await found(database) == [(0, Fault.TAIL_REMOVED)]


async def test_reordered_events_are_named(database: Database) -> None:
    await write(database, 4)
    await tamper(
        database,
        "UPDATE audit_events SET seq = 99 WHERE seq = 2",
        "UPDATE audit_events SET seq = 2 WHERE seq = 3",
        "UPDATE audit_events SET seq = 3 WHERE seq = 99",
    )

    assert {(2, Fault.UNLINKED), (2, Fault.ALTERED), (3, Fault.ALTERED)} <= set(
        await found(database)
    )


async def test_an_inserted_event_is_named(database: Database) -> None:
    await write(database, 3)
    forged = Link(
        seq=3,
        occurred_at=NOON,
        team_id=TEAM,
        tag="admin:grant:added",
        actor_id="U0FORGER0",
        delivery_id=None,
        version=1,
        payload={},
        previous_hash="f" * 64,
    )
    await tamper(
        database,
        "UPDATE audit_events SET seq = 4 WHERE seq = 3",
        "INSERT INTO audit_events (seq, occurred_at, team_id, tag, actor_id, version, payload, "
        "previous_hash, hash) VALUES (3, '2026-06-03 12\\:00\\:00', '" + TEAM + "', "
        f"'{escaped(forged.tag)}', 'U0FORGER0', 1, '{{}}', '{forged.previous_hash}', "
        f"'{forged.hash()}')",
    )

    assert (3, Fault.UNLINKED) in await found(database)


def escaped(words: str) -> str:
    """Keep a colon from reading as a parameter."""
    return words.replace(":", r"\:")


async def test_a_chain_written_anew_is_found_by_its_anchor(database: Database) -> None:
    await write(database, 3)
    async with database.read() as session:
        (anchor,) = await heads(session)
    assert await found(database, anchor) == []
    await tamper(database, "DELETE FROM audit_events", "DELETE FROM audit_heads")
    for number in (7, 8, 9):
        async with database.write() as session:
            await record(session, event(number))

    assert await found(database) == []
    assert await found(database, anchor) == [(3, Fault.ANCHOR_BROKEN)]


async def test_sealing_removes_old_events_and_keeps_the_rest_provable(database: Database) -> None:
    await write(database, 6)
    before = NOON + timedelta(seconds=4)
    async with database.write() as session:
        removed = await seal(session, TEAM, before=before, by="cli:ops", now=NOON)

    assert removed == 3
    assert await found(database) == []
    await tamper(database, "DELETE FROM audit_events WHERE seq = 4")
    assert await found(database) == [(4, Fault.REMOVED)]


async def test_a_checkpoint_that_the_bot_did_not_write_is_named(database: Database) -> None:
    await write(database, 5)
    async with database.read() as session:
        digest = await session.scalar(text("SELECT hash FROM audit_events WHERE seq = 3"))
    await execute(
        database,
        "INSERT INTO audit_checkpoints (team_id, seq, hash, sealed_at, sealed_by) VALUES "
        f"('{TEAM}', 3, '{digest}', '2026-06-03 12\\:00\\:00', 'forger')",
    )
    await execute(database, "DELETE FROM audit_events WHERE seq <= 3")

    assert await found(database) == [(3, Fault.UNSEALED)]


async def test_sealing_nothing_writes_nothing(database: Database) -> None:
    await write(database, 2)
    async with database.write() as session:
        assert await seal(session, TEAM, before=NOON, by="cli:ops", now=NOON) == 0
    assert await found(database) == []


async def test_fifty_concurrent_writers_make_one_chain(postgresql: Callable[[], str]) -> None:
    url = postgresql()
    upgrade(async_url(url))
    database = Database(url)

    async def writer() -> None:
        for number in range(40):
            async with database.write() as session:
                await record(session, event(number))

    await asyncio.gather(*(writer() for _ in range(50)))

    assert await found(database) == []
    async with database.read() as session:
        assert [head.seq for head in await heads(session)] == [2000]
    await database.close()


PAYLOADS = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=4
)


@given(PAYLOADS, st.timezones())
def test_equal_events_have_equal_hashes_whatever_their_zone_and_order(
    payload: dict[str, object], zone: timezone
) -> None:
    first = link(payload, NOON)
    second = link(dict(reversed(payload.items())), NOON.astimezone(zone))

    assert first.hash() == second.hash()


@given(PAYLOADS, PAYLOADS)
def test_events_that_say_something_else_have_another_hash(
    one: dict[str, object], other: dict[str, object]
) -> None:
    same = link(one, NOON).canonical() == link(other, NOON).canonical()
    assert (link(one, NOON).hash() == link(other, NOON).hash()) == same


def link(payload: dict[str, object], at: datetime) -> Link:
    return Link(
        seq=1,
        occurred_at=at,
        team_id=TEAM,
        tag="admin:grant:added",
        actor_id="U0BOSS000",
        delivery_id=None,
        version=1,
        payload=payload,
        previous_hash="0" * 64,
    )


def test_findings_are_in_words() -> None:
    assert "altered" in Finding(TEAM, 3, Fault.ALTERED, "altered").says
