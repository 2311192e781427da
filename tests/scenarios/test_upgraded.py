"""Work that an earlier version accepted is finished by this version: once, and audited."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text

from bot.sandbox.objects import File, Message
from bot.sandbox.workspace import Workspace
from bot.store.engines import async_url
from bot.store.schema import alembic_config, upgrade
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.scenarios.digest_scene import digest_messages, ended, plain_outlets
from tests.scenarios.scene import ALICE, BOSS, CHANNEL, Scene
from tests.store.test_migrations import blocking, proven, spelt

TEAM = "T0CALLAUDIO"
BEFORE = "0015"
CALLS = {
    name: f"CA{number:032x}"
    for number, name in enumerate(
        ("stored", "announced", "uploaded", "shared", "told", "untold", "done"), start=1
    )
}
WHY = "A complaint about this call"
DECIDED = {"destination_channel_id": CHANNEL, "outcome": "redacted", "reason": "asked"}


def insert(engine: Engine, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def store_delivery(engine: Engine, name: str, **state: Any) -> None:
    requested = {
        "team_id": TEAM,
        "user_id": ALICE,
        "source": "command",
        "agent_name": "default",
        "direction": "combined",
        "asked_redacted": True,
        "origin_channel_id": CHANNEL,
        "asked_channel_id": CHANNEL,
        # Due when the stand-ins have the calls.
        "requested_at": spelt(engine, utc_now() + timedelta(seconds=3)),
        "response_url": "http://127.0.0.1:9/commands/T0CALLAUDIO/gone",
    }
    row = {"id": f"d-{name}", "conversation_id": CALLS[name], **requested, **state}
    insert(engine, "deliveries", **row)


def store_digest(engine: Engine, **of_run: Any) -> None:
    """Store a digest with a run under way, and the worker that began it."""
    now = spelt(engine, utc_now())
    digest = {"id": "g1", "team_id": TEAM, "kind": "calls", "channel_id": CHANNEL}
    digest |= {"agent_name": "default", "timetable": "0 9 29 2 *", "zone": "UTC"}
    digest |= {"owner_id": BOSS, "created_at": now, "due_since": now, "revision": 1}
    insert(engine, "digests", **digest)
    run = {"digest_id": "g1", "slot_local": "2026-06-03T09:00", "due_at": now}
    run |= {"covered_since": spelt(engine, utc_now().replace(year=2020)), "claimed_at": now}
    insert(engine, "digest_runs", **run, lost_answers=0, state="claimed", **of_run)
    insert(engine, "worker_leases", executor_id="worker-old", seen_at=now)


# ---- of the previous version


@pytest.fixture
def unused_url(empty_url: str) -> str:
    """Of a database without tables, beside the scene's own file."""
    return empty_url.replace("callaudio.db", "earlier.db")


@pytest.fixture
def old_url(unused_url: str) -> str:
    """A database of the previous version, with unfinished and finished work."""
    upgrade(async_url(unused_url), BEFORE)
    engine = blocking(unused_url)
    now = spelt(engine, utc_now())
    failed = {"state": "failed", "error_code": "recording_gone", "ended_at": now}
    for name, state in {
        "stored": {"state": "requested"},
        "announced": {"state": "decided", **DECIDED, "dispatched_at": now},
        "uploaded": {"state": "decided", **DECIDED, "dispatched_at": now},
        "told": {**failed, "dispatched_at": now, "response_url": None},
        "untold": {**failed, "dispatched_at": now},
    }.items():
        store_delivery(engine, name, kind="audio", **state)
    store_digest(engine, dispatched_at=now)
    engine.dispose()
    return unused_url


async def test_after_an_upgrade_each_recording_digest_and_note_is_sent_once(old_url, new_scene):
    upgrade(async_url(old_url))
    workspace = Workspace()
    workspace.add_user(ALICE)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
    async with new_scene(
        database_url=old_url, workspace=workspace, open_outlets=plain_outlets
    ) as scene:
        await finished(scene)

        states = {row.id: row.state for row in await scene.deliveries()}
        going_on = ("stored", "announced", "uploaded")
        assert states == {f"d-{name}": "delivered" for name in going_on} | {
            "d-told": "failed",
            "d-untold": "failed",
        }
        names = sorted(file.name for file in scene.every_visible_file())
        assert names == [f"{CALLS[name]}-redacted.wav" for name in going_on]
        (note,) = scene.workspace.ephemerals
        assert CALLS["untold"] in note.text
        (run,) = await ended(scene.database)
        assert run.state == "posted"
        assert len(digest_messages(workspace)) == 1


def test_after_a_downgrade_the_previous_version_repeats_nothing_that_has_ended(old_url):
    upgrade(async_url(old_url))
    command.downgrade(alembic_config(async_url(old_url)), BEFORE)
    engine = blocking(old_url)
    unstarted = "SELECT id FROM deliveries WHERE dispatched_at IS NULL ORDER BY id"
    with engine.begin() as connection:
        found = [row.id for row in connection.execute(text(unstarted))]
    engine.dispose()
    assert found == ["d-announced", "d-stored", "d-uploaded"]


async def finished(scene: Scene) -> None:
    """Let PolyAI have the calls, and wait until each delivery has ended and is told."""
    for call in CALLS.values():
        scene.call(call)

    async def is_finished() -> bool:
        rows = await scene.deliveries()
        return all(row.ended_at and row.response_url is None for row in rows)

    await until(is_finished, every_seconds=0.1)


# ---- of every version since the first


EVER = {name: CALLS[name] for name in ("stored", "announced", "shared", "done")}


@dataclass(frozen=True)
class Grown:
    """A database that was migrated through all versions, and its workspace."""

    url: str
    workspace: Workspace
    messages: dict[str, str]
    """The time stamps of the announcements, by delivery."""


@pytest.fixture
def grown(unused_url: str) -> Grown:
    workspace = Workspace(team_id=TEAM)
    for person in (ALICE, BOSS):
        workspace.add_user(person)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
    messages = announced(workspace)
    upgrade(async_url(unused_url), "0001")  # the first with deliveries
    engine = blocking(unused_url)
    store_deliveries(engine, messages)
    upgrade(async_url(unused_url), "0005")  # the first with requests for access
    store_access_request(engine)
    upgrade(async_url(unused_url), "0009")  # the first with digests
    store_digest(engine)
    engine.dispose()
    return Grown(unused_url, workspace, messages)


def announced(workspace: Workspace) -> dict[str, str]:
    """Put the existing messages into Slack: cards, and one file whose share was not confirmed."""

    def post(name: str) -> str:
        said = f"Recording of `{CALLS[name]}`"
        return workspace.post(CHANNEL, workspace.bot_user_id, said).ts

    messages = {name: post(name) for name in ("announced", "shared", "done")}
    for name in ("shared", "done"):
        file_id, thread_ts = f"F0{name.upper()}00", messages[name]
        bot_id, files = workspace.bot_user_id, (file_id,)
        shared = workspace.post(CHANNEL, bot_id, thread_ts=thread_ts, files=files)
        workspace.file_table[file_id] = File(
            file_id,
            f"{CALLS[name]}-redacted.wav",
            "Recording",
            4,
            uploaded=True,
            completed_times=1,
            channel=CHANNEL,
            thread_ts=thread_ts,
            share_ts=shared.ts,
        )
    return messages


def store_deliveries(engine: Engine, messages: dict[str, str]) -> None:
    now = spelt(engine, utc_now())
    posted = {"dispatched_at": now, "announce_tried_at": now, **DECIDED}
    shared = {"share_tried_at": now, "size_bytes": 4}
    for name, state in {
        "stored": {"state": "requested"},
        "announced": {"state": "announced", **posted},
        "shared": {"state": "uploaded", "file_id": "F0SHARED00", **posted, **shared},
        "done": {
            "state": "delivered",
            "file_id": "F0DONE00",
            **posted,
            **shared,
            "response_url": None,
            "ended_at": now,
        },
    }.items():
        store_delivery(engine, name, **state, parent_ts=messages.get(name))
        event = {"occurred_at": now, "team_id": TEAM, "actor_id": ALICE, "version": 1}
        event |= {"tag": "slack:delivery:requested", "delivery_id": f"d-{name}"}
        payload = json.dumps({"conversation_id": CALLS[name], "direction": "combined"})
        insert(engine, "audit_events", **event, payload=payload)


def store_access_request(engine: Engine) -> None:
    now = spelt(engine, utc_now())
    row = {"id": "a0", "team_id": TEAM, "user_id": ALICE, "delivery_id": "d-done"}
    row |= {"conversation_id": CALLS["done"], "reason": WHY, "hours": 2, "state": "pending"}
    insert(engine, "access_requests", **row, requested_at=now, look_at=now, messages="[]")


@pytest.mark.long
async def test_each_delivery_is_posted_once_and_the_audit_chain_verifies(grown, new_scene):
    upgrade(async_url(grown.url))
    workspace = grown.workspace
    async with new_scene(
        database_url=grown.url,
        workspace=workspace,
        open_outlets=plain_outlets,
        environment={"CALLAUDIO_ADMINS": BOSS},
    ) as scene:

        def asked() -> list[Message]:
            channels = workspace.channels.values()
            of_boss = [each.id for each in channels if each.is_im and BOSS in each.members]
            said = [m for channel in of_boss for m in workspace.messages(channel)]
            return [m for m in said if WHY in json.dumps(m.blocks)]

        await finished(scene)
        await until(asked, every_seconds=0.1)
        (run,) = await ended(scene.database)

        assert {row.id: row.state for row in await scene.deliveries()} == {
            f"d-{name}": "delivered" for name in EVER
        }
        names = Counter(file.name for file in scene.every_visible_file())
        assert names == Counter(f"{call}-redacted.wav" for call in EVER.values())
        said = [m for m in workspace.messages(CHANNEL) if m.thread_ts is None]
        cards = [m for m in said if any(call in m.text for call in EVER.values())]
        assert len(cards) == len(EVER)
        assert {m.ts for m in cards} >= set(grown.messages.values())
        assert (run.state, len(digest_messages(workspace))) == ("posted", 1)
        assert len(asked()) == 1

    assert (await proven(grown.url))[TEAM] > len(EVER)
