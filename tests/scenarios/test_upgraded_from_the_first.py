"""Unfinished work of every version since the first is finished by this one: once, and audited."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from bot.sandbox.objects import File, Message
from bot.sandbox.workspace import Workspace
from bot.store.engines import async_url
from bot.store.schema import upgrade
from bot.wiring.clock import utc_now
from tests.conftest import KINDS
from tests.polling import until
from tests.scenarios.digest_scene import digest_messages, ended
from tests.scenarios.plain_digests import plain_outlets
from tests.scenarios.scene import ALICE, BOSS, CHANNEL
from tests.store.test_migrations import blocking, proven, spelt

pytestmark = pytest.mark.long

TEAM = "T0CALLAUDIO"
CALLS = {
    name: f"CA{number:032x}"
    for number, name in enumerate(("stored", "announced", "shared", "done"), start=1)
}
UNDER_WAY = ("stored", "announced", "shared")
WHY = "A complaint about this call"


@dataclass(frozen=True)
class Grown:
    """A database that was migrated through all versions, and its workspace."""

    url: str
    workspace: Workspace
    messages: dict[str, str]
    """The time stamps of the announcements, by delivery."""


@pytest.fixture(params=KINDS)
def grown(request: pytest.FixtureRequest, tmp_path: Path) -> Grown:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/grown.db"
    else:
        create: Callable[[], str] = request.getfixturevalue("postgresql")
        url = create()
    workspace = Workspace(team_id=TEAM)
    for person in (ALICE, BOSS):
        workspace.add_user(person)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
    messages = announced(workspace)
    upgrade(async_url(url), "0001")  # the first with deliveries
    engine = blocking(url)
    store_deliveries(engine, messages)
    upgrade(async_url(url), "0005")  # the first with requests for access
    store_access_request(engine)
    upgrade(async_url(url), "0009")  # the first with digests
    store_digest(engine)
    engine.dispose()
    return Grown(url, workspace, messages)


def announced(workspace: Workspace) -> dict[str, str]:
    """Put the existing messages into Slack: cards, and one file whose share was not confirmed."""

    def post(name: str) -> str:
        said = f"Recording of `{CALLS[name]}`"
        return workspace.post(Message(CHANNEL, "", workspace.bot_user_id, said)).ts

    messages = {name: post(name) for name in ("announced", "shared", "done")}
    for name in ("shared", "done"):
        file_id, thread_ts = f"F0{name.upper()}00", messages[name]
        share = Message(CHANNEL, "", workspace.bot_user_id, thread_ts=thread_ts, files=(file_id,))
        shared = workspace.post(share)
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


def insert(engine: Engine, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def store_deliveries(engine: Engine, messages: dict[str, str]) -> None:
    now = spelt(engine, utc_now())
    common = {
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
    decided = {"destination_channel_id": CHANNEL, "outcome": "redacted", "reason": "asked"}
    posted = {"dispatched_at": now, "announce_tried_at": now, **decided}
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
        row = {**common, **state, "parent_ts": messages.get(name)}
        insert(engine, "deliveries", id=f"d-{name}", conversation_id=CALLS[name], **row)
        event = {"occurred_at": now, "team_id": TEAM, "actor_id": ALICE, "version": 1}
        event |= {"tag": "slack:delivery:requested", "delivery_id": f"d-{name}"}
        payload = json.dumps({"conversation_id": CALLS[name], "direction": "combined"})
        insert(engine, "audit_events", **event, payload=payload)
    insert(engine, "worker_leases", executor_id="worker-old", seen_at=now)


def store_access_request(engine: Engine) -> None:
    now = spelt(engine, utc_now())
    row = {"id": "a0", "team_id": TEAM, "user_id": ALICE, "delivery_id": "d-done"}
    row |= {"conversation_id": CALLS["done"], "reason": WHY, "hours": 2, "state": "pending"}
    insert(engine, "access_requests", **row, requested_at=now, look_at=now, messages="[]")


def store_digest(engine: Engine) -> None:
    now = spelt(engine, utc_now())
    digest = {"id": "g1", "team_id": TEAM, "kind": "calls", "channel_id": CHANNEL}
    digest |= {"agent_name": "default", "timetable": "0 9 29 2 *", "zone": "UTC"}
    digest |= {"owner_id": BOSS, "created_at": now, "due_since": now, "revision": 1}
    insert(engine, "digests", **digest)
    run = {"digest_id": "g1", "slot_local": "2026-06-03T09:00", "due_at": now}
    run |= {"covered_since": spelt(engine, utc_now().replace(year=2020)), "claimed_at": now}
    insert(engine, "digest_runs", **run, lost_answers=0, state="claimed")


async def test_each_delivery_is_posted_once_and_the_audit_chain_verifies(grown, new_scene):
    upgrade(async_url(grown.url))
    workspace = grown.workspace
    async with new_scene(
        database_url=grown.url,
        workspace=workspace,
        open_outlets=plain_outlets,
        environment={"CALLAUDIO_ADMINS": BOSS},
    ) as scene:
        for call in CALLS.values():
            scene.call(call)

        async def have_ended() -> bool:
            rows = await scene.deliveries()
            return all(row.ended_at and row.response_url is None for row in rows)

        def asked() -> list[Message]:
            channels = workspace.channels.values()
            of_boss = [each.id for each in channels if each.is_im and BOSS in each.members]
            said = [m for channel in of_boss for m in workspace.messages(channel)]
            return [m for m in said if WHY in json.dumps(m.blocks)]

        await until(have_ended, every_seconds=0.1)
        await until(asked, every_seconds=0.1)
        (run,) = await ended(scene.stage.application.database)

        assert {row.id: row.state for row in await scene.deliveries()} == {
            f"d-{name}": "delivered" for name in CALLS
        }
        names = Counter(file.name for file in scene.every_visible_file())
        assert names == Counter(f"{call}-redacted.wav" for call in CALLS.values())
        said = [m for m in workspace.messages(CHANNEL) if m.thread_ts is None]
        cards = [m for m in said if any(call in m.text for call in CALLS.values())]
        assert len(cards) == len(CALLS)
        assert {m.ts for m in cards} >= set(grown.messages.values())
        assert (run.state, len(digest_messages(workspace))) == ("posted", 1)
        assert len(asked()) == 1

    assert (await proven(grown.url))[TEAM] > len(CALLS)
