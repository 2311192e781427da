"""Migrations keep what earlier versions stored: the audit, cards, and values under former names."""

from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, text
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
DELIVERY = text(
    "INSERT INTO deliveries (id, team_id, user_id, source, agent_name, conversation_id, direction, "
    "asked_redacted, origin_channel_id, asked_channel_id, asked_thread_ts, requested_at, state, "
    "parent_ts) VALUES (:id, 'T0', 'U0', 'command', 'default', 'CA1', 'combined', :no, 'C0', "
    "'C0', :thread, :at, 'delivered', :parent)"
)


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


def test_the_parent_is_the_card_unless_another_person_began_the_thread(empty_url):
    """Before cards were stored, the card was always the parent."""
    upgrade(async_url(empty_url), "0005")
    engine = blocking(empty_url)
    with engine.begin() as connection:
        for name, thread in (("own", None), ("theirs", "2.0")):
            row = {"id": name, "thread": thread, "parent": thread or "1.0", "no": False}
            connection.execute(DELIVERY, {**row, "at": spelt(engine, NOON)})

    upgrade(async_url(empty_url))

    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, kind, card_ts FROM deliveries ORDER BY id"))
        assert [tuple(row) for row in rows] == [("own", "audio", "1.0"), ("theirs", "audio", None)]
    engine.dispose()


def test_values_under_former_names_are_read_under_the_new_ones_and_back(empty_url):
    url = async_url(empty_url)
    upgrade(url, "0023")
    engine = blocking(empty_url)
    with engine.begin() as connection:
        store_under_former_names(connection, spelt(engine, NOON))
    before = read(engine, "told_at, doubted_since", "left_files")

    upgrade(url, "0024")

    after = read(engine, "notified_at, unverified_since", "orphaned_files")
    assert after == (before[0], before[1], ["digest_notify", "orphaned_file"])
    command.downgrade(alembic_config(url), "0023")
    assert read(engine, "told_at, doubted_since", "left_files") == before
    engine.dispose()


def store_under_former_names(connection: Connection, at: object) -> None:
    row = {"id": "own", "thread": None, "parent": "1.0", "no": False, "at": at}
    connection.execute(DELIVERY, row)
    connection.execute(text("UPDATE deliveries SET told_at = :at"), {"at": at})
    connection.execute(
        text(
            "INSERT INTO left_files (file_id, delivery_id, team_id, watched_until_at) "
            "VALUES ('F0', 'own', 'T0', :at)"
        ),
        {"at": at},
    )
    for kind in ("left_file", "digest_tell"):
        connection.execute(
            text(
                "INSERT INTO due_work (kind, key, due_at, tries, revision, takeovers) "
                "VALUES (:kind, 'F0', :at, 0, 0, 0)"
            ),
            {"kind": kind, "at": at},
        )


def read(engine: Engine, columns: str, table: str) -> tuple[list[object], list[object], list[str]]:
    with engine.connect() as connection:
        deliveries = connection.execute(text(f"SELECT {columns} FROM deliveries")).all()
        files = connection.execute(text(f"SELECT file_id FROM {table}")).scalars().all()
        kinds = connection.execute(text("SELECT kind FROM due_work ORDER BY kind")).scalars().all()
    return [tuple(row) for row in deliveries], list(files), list(kinds)
