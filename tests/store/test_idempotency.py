"""A change is made once for each idempotency key, by the first transaction."""

import asyncio
from datetime import timedelta

import pytest

from bot.store.idempotency import KEPT, AlreadyDone, claim_once, forget_recent
from tests.conftest import NOON

TEAM = "T0CALLAUDIO"


async def change(database, key, *, now=NOON, team=TEAM, breaks=False):
    async with database.write() as session:
        await claim_once(session, team, key, now)
        if breaks:
            raise LookupError


async def test_the_same_key_again_is_refused_and_another_is_not(database):
    await change(database, "1.2.a")
    with pytest.raises(AlreadyDone):
        await change(database, "1.2.a", now=NOON + timedelta(minutes=5))
    await change(database, "1.2.b")
    await change(database, "1.2.a", team="T0OTHER00")


async def test_without_a_key_everything_is_done(database):
    for _ in range(2):
        await change(database, None)


async def test_a_change_that_failed_can_be_retried(database):
    with pytest.raises(LookupError):
        await change(database, "1.2.a", breaks=True)
    await change(database, "1.2.a")


async def test_one_of_many_simultaneous_changes_is_made(database):
    tries = [change(database, "1.2.a") for _ in range(8)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["AlreadyDone"] * 7 + ["NoneType"]


async def test_a_key_is_kept_for_longer_than_a_signature_holds(database):
    await change(database, "1.2.a")
    assert 2 * timedelta(minutes=5) < KEPT
    assert await forget_recent(database, NOON + KEPT) == 0
    assert await forget_recent(database, NOON + KEPT + timedelta(seconds=1)) == 1
