"""What is kept of a canary: a freeze keeps its cause until somebody thaws it."""

import pytest

from bot.recordings.redaction.canary_store import (
    CanaryResult,
    CanaryState,
    CanaryStore,
    CanaryVerdict,
)
from bot.slack.admin import replies
from bot.store.database import Database
from tests.conftest import NOON

CALL, TEAM = "CA" + "c0ffee00" * 4, "T0CALLAUDIO"
BROKEN = CanaryResult(CanaryVerdict.BROKEN, "span_heard", -12.0)
AWAY = CanaryResult(CanaryVerdict.INCONCLUSIVE, "polyai_unavailable")
HELD = CanaryResult(CanaryVerdict.HELD)


@pytest.fixture
def store(database: Database) -> CanaryStore:
    return CanaryStore(database=database, clock=lambda: NOON)


async def after(store: CanaryStore, *looks: CanaryResult) -> CanaryState:
    for result in looks:
        await store.note(CALL, TEAM, result)
    (state,) = await store.read()
    return state


@pytest.mark.parametrize("later", [AWAY, HELD], ids=["PolyAI is away", "the key was replaced"])
async def test_while_frozen_admins_are_told_what_froze_it_whatever_is_found_since(store, later):
    state = await after(store, BROKEN, later)
    assert (state.verdict, state.found) == (later.verdict, "span_heard")
    assert "a span that must be muted can be heard" in replies.frozen(state)


async def test_another_leak_found_while_frozen_is_the_one_that_is_told(store):
    state = await after(store, BROKEN, CanaryResult(CanaryVerdict.BROKEN, "answers_differ"))
    assert "without `redacted=true` it returns another recording" in replies.frozen(state)


async def test_once_thawed_the_next_look_says_what_it_found(store):
    await after(store, BROKEN)
    await store.thaw("U0BOSS0000", "key replaced")
    assert (await after(store, AWAY)).found == "polyai_unavailable"
