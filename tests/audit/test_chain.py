"""The audit chain: one chain for all writers, and equal hashes for equal events."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.audit.chain import FIRST_PREVIOUS
from bot.audit.log import record
from bot.audit.verify import heads, verify
from bot.store.database import Database
from tests.audit.chains import OTHER, TEAM, event, link, write
from tests.examples import examples

# `make bench` has fifty write two hundred each.
WRITERS, PROCESSES = 50, 2


async def lengths(database: Database) -> dict[str, int]:
    """Return the length of each chain, after its verification."""
    async with database.read() as session:
        assert [each async for each in verify(session)] == []
        return {head.team_id: head.seq for head in await heads(session)}


async def test_an_untouched_chain_verifies_and_shows_its_head(database):
    assert await lengths(database) == {}
    await write(database, range(1, 6))
    await write(database, range(1, 4), OTHER)

    assert await lengths(database) == {TEAM: 5, OTHER: 3}


async def test_a_rolled_back_change_leaves_no_gap(database):
    await write(database, [1])
    with pytest.raises(RuntimeError):
        await record_and_fail(database)
    await write(database, [2])

    assert await lengths(database) == {TEAM: 2}


async def record_and_fail(database: Database) -> None:
    async with database.write() as session:
        await record(session, event(9))
        raise RuntimeError


@pytest.mark.parametrize("events_each", [5, pytest.param(20, marks=pytest.mark.long)])
async def test_fifty_concurrent_writers_make_one_chain(migrated_postgresql, events_each):
    """They share two pools of connections, as the writers of two processes would."""
    url = migrated_postgresql()
    async with AsyncExitStack() as stack:
        stores = [Database(url) for _ in range(PROCESSES)]
        for store in stores:
            stack.push_async_callback(store.close)
        begun = asyncio.Barrier(WRITERS)

        async def writer(store: Database) -> None:
            await begun.wait()
            await write(store, range(events_each))

        await asyncio.gather(*(writer(stores[number % PROCESSES]) for number in range(WRITERS)))

        assert await lengths(stores[0]) == {TEAM: WRITERS * events_each}


LINK = link(1, FIRST_PREVIOUS)
PAYLOADS = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=4
)


@settings(deadline=None, max_examples=examples(20))
@given(PAYLOADS, st.timezones())
def test_equal_events_have_equal_hashes_in_any_zone_and_key_order(payload, zone):
    first = replace(LINK, payload=payload)
    reordered = dict(reversed(payload.items()))
    second = replace(LINK, payload=reordered, occurred_at=LINK.occurred_at.astimezone(zone))

    assert first.hash() == second.hash()


@given(PAYLOADS, PAYLOADS)
def test_different_events_have_different_hashes(one, other):
    first, second = replace(LINK, payload=one), replace(LINK, payload=other)
    assert (first.hash() == second.hash()) == (first.canonical() == second.canonical())
