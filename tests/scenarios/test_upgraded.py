"""Work that the previous version accepted is finished by this version, once."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from bot.sandbox.workspace import Workspace
from bot.store.engines import async_url
from bot.store.schema import alembic_config, upgrade
from bot.wiring.clock import utc_now
from tests.conftest import KINDS
from tests.polling import until
from tests.scenarios.digest_scene import digest_messages, ended
from tests.scenarios.plain_digests import plain_outlets
from tests.scenarios.scene import ALICE, CHANNEL, Scene
from tests.store.test_migrations import blocking, spelt

BEFORE = "0015"
CALLS = {
    name: f"CA{number:032x}"
    for number, name in enumerate(("stored", "announced", "uploaded", "told", "untold"), start=1)
}


@pytest.fixture(params=KINDS)
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the previous version, with unfinished and finished work."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/before.db"
    else:
        create: Callable[[], str] = request.getfixturevalue("postgresql")
        url = create()
    upgrade(async_url(url), BEFORE)
    engine = blocking(url)
    now = spelt(engine, utc_now())
    # Due when the stand-ins have the calls.
    soon = spelt(engine, utc_now() + timedelta(seconds=3))

    def insert(table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        with engine.begin() as connection:
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)

    common = {
        "team_id": "T0CALLAUDIO",
        "user_id": ALICE,
        "source": "command",
        "agent_name": "default",
        "kind": "audio",
        "direction": "combined",
        "asked_redacted": True,
        "origin_channel_id": CHANNEL,
        "asked_channel_id": CHANNEL,
        "requested_at": soon,
        "response_url": "http://127.0.0.1:9/commands/T0CALLAUDIO/gone",
    }
    decided = {"destination_channel_id": CHANNEL, "outcome": "redacted", "reason": "asked"}
    failed = {"state": "failed", "error_code": "recording_gone", "ended_at": now}
    dispatched = {"dispatched_at": now}
    for name, state in {
        "stored": {"state": "requested", **common},
        "announced": {"state": "decided", **common, **decided, **dispatched},
        "uploaded": {"state": "decided", **common, **decided, **dispatched},
        "told": {**common, **failed, **dispatched, "response_url": None},
        "untold": {**common, **failed, **dispatched},
    }.items():
        insert("deliveries", id=f"d-{name}", conversation_id=CALLS[name], **state)
    digest = {"id": "g1", "team_id": "T0CALLAUDIO", "kind": "calls", "channel_id": CHANNEL}
    digest |= {"agent_name": "default", "timetable": "0 9 29 2 *", "zone": "UTC"}
    digest |= {"owner_id": ALICE, "created_at": now, "due_since": now, "revision": 1}
    insert("digests", **digest)
    run = {"digest_id": "g1", "slot_local": "2026-06-03T09:00", "due_at": now}
    run |= {"covered_since": spelt(engine, utc_now().replace(year=2020)), "claimed_at": now}
    insert("digest_runs", **run, lost_answers=0, state="claimed", dispatched_at=now)
    insert("worker_leases", executor_id="worker-old", seen_at=now)
    engine.dispose()
    return url


async def test_after_an_upgrade_each_recording_digest_and_note_is_sent_once(old_url, new_scene):
    upgrade(async_url(old_url))
    workspace = Workspace()
    workspace.add_user(ALICE)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
    async with new_scene(
        database_url=old_url, workspace=workspace, open_outlets=plain_outlets
    ) as scene:
        for call in CALLS.values():
            scene.call(call)
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
        (run,) = await ended(scene.stage.application.database)
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
    async def is_finished() -> bool:
        rows = await scene.deliveries()
        return all(row.ended_at and row.response_url is None for row in rows)

    await until(is_finished, every_seconds=0.1)
