"""Sealing: old events are removed, the rest verifies, and nothing else changes."""

import asyncio
from datetime import timedelta

from sqlalchemy import select

from bot.audit.findings import ChainFault
from bot.audit.log import AuditFilter, all_events
from bot.audit.seal import seal
from bot.audit.verify import seals
from bot.store.database import Database
from bot.store.tables import AuditHeadRow
from tests.audit.chains import (
    LATER,
    NOON,
    OPS,
    OTHER,
    TEAM,
    found,
    hashes,
    inserted,
    link,
    overrule,
    seal_at,
    write,
)


async def numbers(database: Database, team_id: str = TEAM) -> list[int]:
    async with database.read() as session:
        assert await found(session) == []
        events = all_events(session, AuditFilter())
        return [event.seq async for event in events if event.team_id == team_id]


async def test_older_events_are_removed_and_the_rest_verifies(database):
    await write(database, range(1, 7))
    await write(database, range(1, 3), OTHER)
    await seal_at(database, 3, TEAM)

    assert await numbers(database) == [4, 5, 6, 7]
    assert await numbers(database, OTHER) == [1, 2]


async def test_sealing_an_event_of_a_slow_clock_removes_no_newer_one(database):
    """Only event 1 is older, and has no newer one before it."""
    await write(database, (1, 7, 8, 0, 9))
    async with database.write() as session:
        before = NOON + timedelta(seconds=5)
        sealed = await seal(session, TEAM, before=before, by=OPS, now=LATER)

    assert sealed
    assert sealed.removed == 1
    assert await numbers(database) == [2, 3, 4, 5, 6]


async def test_sealing_again_keeps_every_checkpoint(database):
    await write(database, range(1, 7))
    for seq in (2, 3, 5):
        await seal_at(database, seq, TEAM)

    assert await numbers(database) == [6, 7, 8, 9]
    async with database.read() as session:
        assert [(each.seq, each.hash) for each in await seals(session)] == [
            (seq, hashes()[seq]) for seq in (2, 3, 5)
        ]


async def test_everything_can_be_sealed_and_the_chain_continues(database):
    await write(database, range(1, 4))
    await seal_at(database, 3, TEAM)
    await write(database, (5, 6))

    assert await numbers(database) == [4, 5, 6]


async def test_a_seal_without_older_events_writes_nothing(database):
    await write(database, range(1, 3))
    for team_id in (TEAM, "T0NOBODY00"):
        async with database.write() as session:
            assert await seal(session, team_id, before=NOON, by=OPS, now=LATER) is None

    assert await numbers(database) == [1, 2]
    async with database.read() as session:
        assert list(await session.scalars(select(AuditHeadRow.team_id))) == [TEAM]


async def test_two_concurrent_seals_write_one_checkpoint(database):
    await write(database, range(1, 6))

    async def work() -> bool:
        async with database.write() as session:
            sealed = await seal(session, TEAM, before=LATER, by=OPS, now=LATER)
        return sealed is not None

    assert sorted(await asyncio.gather(work(), work())) == [False, True]
    assert await numbers(database) == [6]


async def test_the_next_seal_does_not_remove_a_row_below_the_checkpoint(database):
    await write(database, range(1, 6))
    await seal_at(database, 3, TEAM)
    await overrule(database, inserted(link(2, "f" * 64)))
    await seal_at(database, 4, TEAM)

    async with database.read() as session:
        assert await found(session) == [(TEAM, 2, ChainFault.STRAY)]
