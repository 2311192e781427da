"""Workers killed at any moment: every slot of a digest is posted, once."""

import asyncio
import random
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.digests.slot_claims import SlotClaims
from bot.digests.timetable_text import timetable_of
from bot.sandbox.faults import Fault
from bot.store.database import Database
from bot.store.tables import DigestRow
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.scenarios.conftest import street_on_postgresql
from tests.scenarios.digest_scene import (
    EVERY_SECOND,
    add_digest,
    ask_for,
    ended,
    posts,
    read_digest,
    runs,
)
from tests.scenarios.killed_bot import WORKER, Bot, Street

HISTORY = "groups:history"
DIGESTS = 8
of_so_many = pytest.mark.parametrize("slots", [16, pytest.param(500, marks=pytest.mark.long)])
KILLS_AT_LEAST = 3
LONG_ENOUGH_SECONDS = 600.0
"""On a machine however busy: it is ended by what happened, not by the time that passed."""


BETWEEN_CLAIM_AND_POST = ("conversations.info", "before")
DURING_THE_POST, AFTER_THE_POST = ("chat.postMessage", "before"), ("chat.postMessage", "after")


@pytest.mark.parametrize(
    ("moment", "has_history", "messages"),
    [
        # Without history the result is the same.
        pytest.param(BETWEEN_CLAIM_AND_POST, True, 1, marks=pytest.mark.long),
        (BETWEEN_CLAIM_AND_POST, False, 1),
        (DURING_THE_POST, True, 1),
        (AFTER_THE_POST, True, 1),
        (AFTER_THE_POST, False, 2),
    ],
)
async def test_a_killed_run_is_one_message_or_two_if_slack_shows_no_history(
    street, moment, has_history, messages
):
    if has_history:
        street.scene.workspace.scopes.add(HISTORY)
    else:
        street.scene.workspace.scopes.discard(HISTORY)
    local = await kill_at(street, *moment)

    (run,) = await ended(database_of(street))

    assert (run.state, run.slot_local) == ("posted", local)
    assert posts(street.scene.workspace) == {("g1", local): messages}


async def test_a_slot_whose_worker_was_killed_after_the_claim_is_posted(street):
    digest = await add_digest(database_of(street))
    (slot,) = timetable_of(digest).slots([utc_now()])
    claims = SlotClaims(database=database_of(street), clock=utc_now)
    (key,) = await claims.claim(digest, [slot], [])

    await street.start(WORKER)

    (run,) = await ended(database_of(street))
    assert run.state == "posted"
    assert posts(street.scene.workspace) == {("g1", key.slot_local): 1}


@of_so_many
@street_on_postgresql
async def test_four_workers_killed_at_random_post_every_slot_once(street, slots):
    await kill_at_random(street, workers=4, slots=slots)


@of_so_many
async def test_one_worker_on_sqlite_killed_at_random_posts_every_slot_once(street, slots):
    await kill_at_random(street, workers=1, slots=slots)


async def kill_at(street: Street, route: str, when: str) -> str:
    """Request a post, kill the worker at the moment, and start it again; returns the slot."""
    street.scene.slack.faults.add(Fault(route, when=when, hang=True))
    digest = await add_digest(database_of(street))
    local = await ask_for(database_of(street), digest)
    bot = await street.start(WORKER)
    await street.scene.slack.faults.reached(route)
    await bot.kill()
    street.scene.slack.faults.release(route)
    await street.start(WORKER)
    return local


async def kill_at_random(street: Street, *, workers: int, slots: int) -> None:
    database = database_of(street)
    street.scene.workspace.scopes.add(HISTORY)
    bots = [await street.start(WORKER) for _ in range(workers)]
    digests = [await add_digest(database, f"g{n}", EVERY_SECOND) for n in range(DIGESTS)]
    dice = random.Random(20260603)
    async with asyncio.timeout(LONG_ENOUGH_SECONDS):
        while await count(database) < slots or await digests_that_ran(database) < DIGESTS:
            await made_calls(street, dice.randrange(1, 40))
            await asyncio.sleep(dice.uniform(0, 0.05))
            await replace_one(street, bots, dice)
        await let_no_more_be_due(database)
        for _ in range(KILLS_AT_LEAST):
            await asyncio.sleep(dice.uniform(0.2, 1.0))
            await replace_one(street, bots, dice)
        while await count(database, "claimed"):
            await asyncio.sleep(0.2)
            for number, bot in enumerate(bots):
                if not bot.is_alive:
                    bots[number] = await street.start(WORKER)

    found = await runs(database)
    assert len(found) >= slots
    assert {run.state for run in found} == {"posted"}
    for digest in digests:
        due = [run.due_at for run in found if run.digest_id == digest.id]
        since = (await read_digest(database, digest.id)).created_at
        assert due == list(timetable_of(digest).between(since, due[-1]))
    assert posts(street.scene.workspace) == {(run.digest_id, run.slot_local): 1 for run in found}


async def made_calls(street: Street, number: int) -> None:
    """Wait for this number of calls to Slack, so that slow workers make progress too."""
    workspace = street.scene.workspace
    enough = len(workspace.calls) + number
    await until(lambda: len(workspace.calls) >= enough, every_seconds=0.005)


async def replace_one(street: Street, bots: list[Bot], dice: random.Random) -> None:
    number = dice.randrange(len(bots))
    # On a busy machine one may have lost its lease, and ended by itself.
    if bots[number].is_alive:
        await bots[number].kill()
    bots[number] = await street.start(WORKER)


async def count(database: Database, *states: str) -> int:
    return sum(run.state in (states or {run.state}) for run in await runs(database))


async def digests_that_ran(database: Database) -> int:
    return len({run.digest_id for run in await runs(database)})


async def let_no_more_be_due(database: Database) -> None:
    """Make no further slot due; claimed ones continue, unlike with a pause."""
    tomorrow = utc_now() + timedelta(days=1)
    async with database.write() as session:
        changes = {"due_since": tomorrow, "revision": DigestRow.revision + 1}
        await session.execute(update(DigestRow).values(**changes))


def database_of(street: Street) -> Database:
    return street.scene.database
