"""Chains that are equal in every run, and a way to edit them without triggers."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from bot.audit.chain import FIRST_PREVIOUS, Head, Link
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.findings import ChainFault, ChainFinding
from bot.audit.log import record
from bot.audit.seal import seal
from bot.audit.verify import verify
from bot.store.database import Database

# Two whole chains, and one that was sealed at event 2, and then at event 4.
TEAM, OTHER, SEALED = "T0QUALITY0", "T0SALES000", "T0SUPPORT0"
LENGTHS = {TEAM: 6, OTHER: 2, SEALED: 7}
SEALS = (2, 4)
BOSS, OPS = "U0BOSS000", "cli:ops"
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)

Found = list[tuple[str, int | None, ChainFault]]


def event(number: int, team_id: str = TEAM) -> AuditEvent:
    return AuditEvent(
        tag=AuditTag.ADMIN_REFUSED,
        team_id=team_id,
        actor_id=BOSS,
        occurred_at=NOON + timedelta(seconds=number),
        payload={"number": number, "until": None, "right": "pii"},
    )


def link(number: int, previous: str, team_id: str = TEAM, actor_id: str = BOSS) -> Link:
    """The link of that number."""
    said = event(number, team_id)
    return Link(
        seq=number,
        occurred_at=said.occurred_at,
        team_id=team_id,
        tag=said.tag.value,
        actor_id=actor_id,
        delivery_id=None,
        version=1,
        payload=said.payload,
        previous_hash=previous,
    )


def hashes(team_id: str = TEAM) -> list[str]:
    """The hash of every event that was written with `event`, by its number."""
    found = [FIRST_PREVIOUS]
    for number in range(1, LENGTHS[team_id] + 1):
        found.append(link(number, found[-1], team_id).hash())
    return found


async def write(database: Database, numbers: Iterable[int], team_id: str = TEAM) -> None:
    for number in numbers:
        async with database.write() as session:
            await record(session, event(number, team_id))


async def seal_at(
    database: Database, seq: int, team_id: str = SEALED, *, now: datetime | None = None
) -> Head:
    """Seal a chain of `event`s at one of them; returns the anchor."""
    async with database.write() as session:
        sealed = await seal(
            session,
            team_id,
            before=NOON + timedelta(seconds=seq, milliseconds=1),
            by=OPS,
            now=now or LATER + timedelta(seconds=seq),
        )
    assert sealed
    return sealed.anchor


def fill(url: str) -> None:
    """Write the three chains."""

    async def work() -> None:
        database = Database(url)
        for team_id, length in LENGTHS.items():
            await write(database, range(1, length + 1), team_id)
        for seq in SEALS:
            await seal_at(database, seq)
        await database.close()

    asyncio.run(work())


async def found(session: AsyncSession, *anchors: Head) -> Found:
    """The places of the findings, without those about dropped triggers."""
    return [(each.team_id, each.seq, each.fault) for each in await findings(session, *anchors)]


async def findings(session: AsyncSession, *anchors: Head) -> list[ChainFinding]:
    """The findings, without those about dropped triggers."""
    every = [each async for each in verify(session, anchors=anchors)]
    return [each for each in every if each.fault is not ChainFault.TRIGGER_MISSING]


async def tamper(session: AsyncSession, *statements: str) -> None:
    """Edit as the owner of the database can: without triggers, constraints and keys."""
    connection = await session.connection()
    for name in ("audit_events", "audit_heads", "audit_checkpoints"):
        for statement in (
            f"CREATE TABLE forged AS SELECT * FROM {name}",
            f"DROP TABLE {name}",
            f"ALTER TABLE forged RENAME TO {name}",
        ):
            await connection.exec_driver_sql(statement)
    await _execute(connection, statements)


async def overrule(database: Database, *statements: str) -> None:
    """Edit permanently, without triggers only, so that the bot can continue."""
    drop = "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
    async with database.engine.begin() as connection:
        if database.is_sqlite:
            free = list((await connection.exec_driver_sql(drop)).scalars())
        else:
            tables = ("audit_events", "audit_checkpoints")
            free = [f"ALTER TABLE {name} DISABLE TRIGGER ALL" for name in tables]
        await _execute(connection, (*free, *statements))


async def _execute(connection: AsyncConnection, statements: Iterable[str]) -> None:
    for statement in statements:
        is_sqlite = connection.dialect.name == "sqlite"  # which stores times without a zone
        plain = statement.replace("+00:00'", "'") if is_sqlite else statement
        await connection.exec_driver_sql(plain)


@asynccontextmanager
async def undone(database: Database) -> AsyncIterator[AsyncSession]:
    """Open a session that is rolled back."""
    async with database.engine.connect() as connection, AsyncSession(connection) as session:
        yield session


def inserted(link: Link, *, row_id: int = 99) -> str:
    """The statement that inserts a forged event."""
    return (
        "INSERT INTO audit_events (id, seq, occurred_at, team_id, tag, actor_id, version, payload, "
        f"previous_hash, hash) VALUES ({row_id}, {link.seq}, "
        f"'{link.occurred_at:%Y-%m-%d %H:%M:%S.%f+00:00}', '{link.team_id}', '{link.tag}', "
        f"'{link.actor_id}', 1, '{_json(link)}', '{link.previous_hash}', '{link.hash()}')"
    )


def _json(link: Link) -> str:
    return f'{{"number": {link.payload["number"]}, "until": null, "right": "pii"}}'
