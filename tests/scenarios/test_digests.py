"""Digests on a running bot: due, requested, missed, and paused if their channel is unusable."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.digests.digest import Digest, DigestKind, PauseCause, Period
from bot.digests.digest_store import DigestStore
from bot.digests.due_slots import CatchUp
from bot.digests.report import Report
from bot.sandbox.faults import Fault
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DueWorkRow
from bot.wiring.clock import utc_now
from bot.wiring.core import Core
from bot.wiring.digests import DigestOutlets
from tests.polling import until
from tests.scenarios.conftest import WATCHFUL, OpenScene
from tests.scenarios.digest_scene import (
    EVERY_SECOND,
    add_digest,
    ask_for,
    digest_messages,
    ended,
    plain_outlets,
    plain_report,
    posts,
    read_digest,
    runs,
)
from tests.scenarios.scene import BOSS, CHANNEL, Scene

pytestmark = pytest.mark.watchful

MOVED = "C0MOVED000"


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """Slots a second apart are posted on a busy machine too, although each is late."""
    timings = replace(WATCHFUL, catch_up=CatchUp(intervals=60.0))
    async with new_scene(open_outlets=plain_outlets, timings=timings) as scene:
        yield scene


def database_of(scene: Scene) -> Database:
    return scene.database


def told(scene: Scene) -> list[str]:
    """Return the messages to the owner in direct messages."""
    return [m.text for m in scene.everything_posted() if m.channel.startswith("D")]


async def none_under_way(database: Database) -> bool:
    """Whether no slot that was claimed waits for its post, of removed digests too."""
    async with database.read() as session:
        posts = select(DueWorkRow.key).where(DueWorkRow.kind == DueWorkKind.POST_DIGEST)
        return await session.scalar(posts.limit(1)) is None


async def until_posted(scene: Scene, count: int) -> None:
    await until(lambda: len(digest_messages(scene.workspace)) >= count, every_seconds=0.05)


async def test_a_digest_added_while_the_bot_runs_is_posted_when_it_is_due(scene):
    await add_digest(database_of(scene), timetable=EVERY_SECOND)

    await until_posted(scene, 2)

    first, second, *_ = await runs(database_of(scene))
    assert second.due_at - first.due_at == timedelta(seconds=1)
    assert set(posts(scene.workspace).values()) == {1}
    # On a busy machine a second can pass before its slot is claimed; then the slot is skipped.
    written = [tag for tag in await scene.tags() if tag != "worker:digest:skipped"]
    assert written[:2] == ["admin:digest:added", "worker:digest:posted"]


async def test_a_paused_or_removed_digest_is_not_posted(scene):
    database = database_of(scene)
    store = DigestStore(database=database, clock=utc_now)
    paused = await add_digest(database, "g1", EVERY_SECOND)
    removed = await add_digest(database, "g2", EVERY_SECOND)
    await until_posted(scene, 2)

    await store.pause(paused, BOSS)
    await store.remove(removed, BOSS)
    await until(lambda: none_under_way(database))
    count = len(digest_messages(scene.workspace))
    await asyncio.sleep(2.0)

    assert len(digest_messages(scene.workspace)) == count
    await store.resume(await store.read("g1"), BOSS)
    await until_posted(scene, count + 1)
    due = [run.due_at for run in await runs(database)]
    assert max(later - earlier for earlier, later in itertools.pairwise(due)) >= timedelta(
        seconds=2
    )  # slots during the pause are not posted later


async def test_a_requested_run_is_posted_once(scene):
    digest = await add_digest(database_of(scene))
    local = await ask_for(database_of(scene), digest)

    (run,) = await ended(database_of(scene))

    assert (run.state, run.asked_by) == ("posted", BOSS)
    (message,) = digest_messages(scene.workspace)
    assert run.ts == message.ts
    assert posts(scene.workspace) == {("g1", local): 1}
    posted = (await scene.all_audit())[-1]
    assert (posted.tag, posted.actor_id) == ("worker:digest:posted", BOSS)
    assert posted.payload["slot"] == local


@asynccontextmanager
async def held_report(new_scene: OpenScene) -> AsyncIterator[tuple[Scene, asyncio.Event]]:
    """A scene with a requested run whose report is built until the event is set."""
    began, may_end = asyncio.Event(), asyncio.Event()

    async def slow_report(digest: Digest, period: Period) -> Report:
        began.set()
        await may_end.wait()
        return await plain_report(digest, period)

    def slow_outlets(core: Core) -> DigestOutlets:
        return replace(plain_outlets(core), reporters=dict.fromkeys(DigestKind, slow_report))

    async with new_scene(open_outlets=slow_outlets) as scene:
        await ask_for(database_of(scene), await add_digest(database_of(scene)))
        await began.wait()
        yield scene, may_end


async def test_a_channel_that_gets_another_id_during_the_report_gets_the_post(new_scene):
    async with held_report(new_scene) as (scene, may_end):
        database = database_of(scene)
        scene.workspace.add_channel(MOVED, members=[BOSS], is_private=True)
        scene.workspace.change_channel(CHANNEL, bot_is_member=False)
        digest = await read_digest(database)
        store = DigestStore(database=database, clock=utc_now)
        await store.follow(digest.team_id, CHANNEL, MOVED)
        may_end.set()

        (run,) = await ended(database)

        assert run.state == "posted"
        assert [message.ts for message in scene.workspace.messages(MOVED)] == [run.ts]
        assert (await read_digest(database)).paused_because is None


async def test_a_channel_that_is_shared_during_the_report_gets_no_post(new_scene):
    async with held_report(new_scene) as (scene, may_end):
        scene.workspace.change_channel(CHANNEL, is_ext_shared=True)
        may_end.set()

        (run,) = await ended(database_of(scene))

        assert run.state == "suspended"
        assert digest_messages(scene.workspace) == []
        assert (await read_digest(database_of(scene))).paused_because == PauseCause.EXTERNAL


WITHOUT_THE_BOT = {"bot_is_member": False}


@pytest.mark.parametrize(
    ("changes", "cause", "says"),
    [
        ({"is_archived": True}, PauseCause.ARCHIVED, "archived"),
        ({"is_pending_ext_shared": True}, PauseCause.EXTERNAL, "another organisation"),
        ({**WITHOUT_THE_BOT, "is_private": False}, PauseCause.NOT_INVITED, "not in the channel"),
        (WITHOUT_THE_BOT, PauseCause.UNSEEN, "gone"),
    ],
)
async def test_an_unusable_channel_pauses_the_digest_and_its_owner_is_notified_once(
    scene, changes, cause, says
):
    digest = await add_digest(database_of(scene))
    scene.workspace.change_channel(CHANNEL, **changes)
    await ask_for(database_of(scene), digest)
    await ended(database_of(scene))
    await ask_for(database_of(scene), digest, seconds_later=1)

    first, second = await ended(database_of(scene), 2)

    assert {first.state, second.state} == {"suspended", "skipped"}
    assert (await read_digest(database_of(scene))).paused_because == cause.value
    await scene.rest()
    assert digest_messages(scene.workspace) == []
    (text,) = told(scene)
    assert says in text
    assert (await scene.tags()).count("worker:digest:suspended") == 1


async def test_a_digest_is_not_posted_while_the_channels_sharing_is_unknown(scene):
    digest = await add_digest(database_of(scene))
    scene.workspace.change_channel(CHANNEL, omit=frozenset({"is_ext_shared"}))
    await ask_for(database_of(scene), digest)

    (run,) = await ended(database_of(scene))

    assert (run.state, run.note) == ("failed", "digest_channel_unclear")
    assert (await read_digest(database_of(scene))).paused_because is None
    assert digest_messages(scene.workspace) == []


async def test_the_next_post_names_the_missed_slots(new_scene):
    timings = replace(WATCHFUL, catch_up=CatchUp(slots=1, intervals=1.0))
    async with new_scene(open_outlets=plain_outlets, timings=timings) as scene:
        database = database_of(scene)
        now = utc_now()
        await add_digest(
            database,
            timetable=f"{(now - timedelta(minutes=1)).minute} * * * *",
            clock=lambda: now - timedelta(hours=3),
        )

        found = await ended(database, 3)

        assert [run.state for run in found] == ["skipped", "skipped", "posted"]
        (message,) = digest_messages(scene.workspace)
        missed = f"Missed and not posted: {found[0].slot_local}, {found[1].slot_local}."
        assert missed in str(message.blocks)
        assert posts(scene.workspace) == {("g1", found[2].slot_local): 1}


POST = "chat.postMessage"


@pytest.mark.parametrize(
    ("fault", "messages", "state"),
    [
        pytest.param(Fault(POST, error="internal_error"), 1, "posted", id="it was not taken"),
        pytest.param(Fault(POST, when="after", drop_connection=True), 1, "posted", id="no answer"),
        pytest.param(
            Fault(POST, status=429, headers={"Retry-After": "0"}), 1, "posted", id="too fast"
        ),
        pytest.param(Fault(POST, error="restricted_action"), 0, "failed", id="refused"),
    ],
)
async def test_a_failed_or_unanswered_post_is_one_message_at_most(scene, fault, messages, state):
    scene.workspace.scopes.add("groups:history")
    digest = await add_digest(database_of(scene))
    scene.slack.faults.add(fault)
    await ask_for(database_of(scene), digest)

    (run,) = await ended(database_of(scene))

    assert run.state == state
    assert len(digest_messages(scene.workspace)) == messages


async def test_without_history_lost_answers_cost_at_most_one_extra_message(scene):
    scene.workspace.scopes.discard("groups:history")
    digest = await add_digest(database_of(scene))
    scene.slack.faults.add(Fault("chat.postMessage", when="after", drop_connection=True, times=9))
    await ask_for(database_of(scene), digest)

    (run,) = await ended(database_of(scene))

    assert (run.state, run.note) == ("failed", "digest_post_unclear")
    assert len(digest_messages(scene.workspace)) == 2
