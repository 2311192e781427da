"""The migration chains the events that were written before it, also down and up again."""

from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.audit.verify import heads, verify
from bot.store.database import Database
from bot.store.engines import async_url
from bot.store.schema import alembic_config, sync_url, upgrade

NOON = datetime(2026, 6, 3, 12, 30, 15, 123456, tzinfo=UTC)
TEAMS = ("T0ONE00000", "T0TWO00000")
BEFORE = 7


@pytest.fixture
def old_url(empty_url: str) -> str:
    """A store at the first revision, with the events of two workspaces in turn."""
    upgrade(async_url(empty_url), "0001")
    engine = blocking(empty_url)
    insert = text(
        "INSERT INTO audit_events (occurred_at, team_id, tag, actor_id, delivery_id, version, "
        "payload) VALUES (:at, :team, 'slack:admin:refused', 'U0BOSS', :delivery, 1, :payload)"
    )
    with engine.begin() as connection:
        for number in range(BEFORE):
            connection.execute(
                insert,
                {
                    "at": spelt(engine, NOON + timedelta(microseconds=number)),
                    "team": TEAMS[number % 2],
                    "delivery": "d1" if number % 3 else None,
                    "payload": f'{{"z": {number}, "a": null, "ä": [1.5, true, "é"]}}',
                },
            )
    engine.dispose()
    return empty_url


def blocking(url: str) -> Engine:
    return create_engine(sync_url(async_url(url)))


def spelt(engine: Engine, at: datetime) -> str:
    zone = "" if engine.dialect.name == "sqlite" else "+00"
    return at.strftime("%Y-%m-%d %H:%M:%S.%f") + zone


def run(url: str, statement: str) -> None:
    engine = blocking(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


async def proven(url: str) -> dict[str, int]:
    """Verify, and return the length of each chain."""
    database = Database(url)
    try:
        async with database.read() as session:
            assert [each async for each in verify(session)] == []
            return {head.team_id: head.seq for head in await heads(session)}
    finally:
        await database.close()


async def write(url: str) -> None:
    database = Database(url)
    event = AuditEvent(
        tag=AuditTag.ADMIN_REFUSED, team_id=TEAMS[0], actor_id="U0BOSS", occurred_at=NOON
    )
    async with database.write() as session:
        await record(session, event)
    await database.close()


def assert_unchangeable(url: str) -> None:
    statements = ["UPDATE audit_events SET tag = 'x'", "DELETE FROM audit_events"]
    if url.startswith("sqlite"):
        statements.append("REPLACE INTO audit_events SELECT * FROM audit_events")
    for statement in statements:
        with pytest.raises(DBAPIError, match="audit events are never changed"):
            run(url, statement)


async def test_the_chain_includes_earlier_events_and_continues_after_a_downgrade_and_upgrade(
    old_url,
):
    upgrade(async_url(old_url))
    assert await proven(old_url) == {TEAMS[0]: 4, TEAMS[1]: 3}
    assert_unchangeable(old_url)
    await write(old_url)
    assert await proven(old_url) == {TEAMS[0]: 5, TEAMS[1]: 3}

    command.downgrade(alembic_config(async_url(old_url)), "0001")
    run(old_url, "UPDATE audit_events SET tag = tag")  # there are no triggers at that revision
    upgrade(async_url(old_url))

    assert await proven(old_url) == {TEAMS[0]: 5, TEAMS[1]: 3}
    assert_unchangeable(old_url)

    command.downgrade(alembic_config(async_url(old_url)), "base")
    upgrade(async_url(old_url))

    assert await proven(old_url) == {}
    await write(old_url)
    assert_unchangeable(old_url)
