"""A stalled web process stores its requests late: each repeated request is delivered once."""

import asyncio
import signal
import time
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from bot.cli.loopback_server import LOOPBACK
from bot.sandbox import delivery
from bot.sandbox.delivery import Ack, signature_headers
from bot.sandbox.person import SlackClientSide
from bot.store.idempotency import DOUBLE_SUBMIT_WINDOW
from bot.store.tables import DigestRunRow, RecentRequestRow
from tests.ports import free_port
from tests.scenarios.conftest import street_on_postgresql
from tests.scenarios.digest_scene import add_digest, digest_messages, ended, plain_outlets, runs
from tests.scenarios.killed_bot import LISTENER, WORKER
from tests.scenarios.scene import ALICE, BOB, BOSS, CALL, CHANNEL, Scene
from tests.scenarios.test_message_shortcut import chosen, open_form

SENT_BEFORE_SECONDS = 60


async def by_command(scene: Scene) -> Ack:
    return await scene.people.command(ALICE, CHANNEL, CALL)


async def by_button(scene: Scene) -> Ack:
    (note,) = [each for each in scene.workspace.ephemerals if "direct messages" in str(each.blocks)]
    (button,) = [e for b in note.blocks if b["type"] == "actions" for e in b["elements"]]
    return await scene.use(button, note)


@pytest.mark.parametrize("ask", [by_command, by_button])
async def test_a_command_that_arrives_after_its_delivered_repeat_joins_it(ask, scene, monkeypatch):
    if ask is by_button:
        scene.workspace.join(CHANNEL, BOB)
        await scene.grant()
        await scene.ask()
    assert (await ask(scene)).status == 200
    await scene.ended(await scene.latest())
    files = len(scene.every_visible_file())
    await pass_the_window(scene)
    monkeypatch.setattr(delivery, "signature_headers", signed_a_minute_ago)

    late = await ask(scene)

    assert late.status == 200
    assert "Got it" not in late.text
    await scene.all_ended()
    assert len(scene.every_visible_file()) == files


async def test_a_form_that_arrives_after_its_delivered_repeat_joins_it(scene, monkeypatch):
    message = scene.workspace.say(CHANNEL, ALICE, f"Listen to {CALL}, please")
    late, repeat = await open_form(scene, message), await open_form(scene, message)
    await scene.people.view_submission(ALICE, repeat.id, chosen())
    await scene.ended(await scene.latest())
    await pass_the_window(scene)
    monkeypatch.setattr(delivery, "signature_headers", signed_a_minute_ago)

    await scene.people.view_submission(ALICE, late.id, chosen())

    assert len(await scene.deliveries()) == 1
    assert len(scene.every_visible_file()) == 1


async def test_a_digest_run_that_arrives_after_its_posted_repeat_joins_it(new_scene, monkeypatch):
    environment = {"CALLAUDIO_ADMINS": BOSS}
    async with new_scene(environment=environment, open_outlets=plain_outlets) as scene:
        database = scene.database
        await add_digest(database)
        assert "in a few seconds" in (await scene.rule("digest run g1")).text
        await ended(database)
        since_posted = timedelta(seconds=SENT_BEFORE_SECONDS - 5)
        await make_older(scene, DigestRunRow.claimed_at, since_posted)
        monkeypatch.setattr(delivery, "signature_headers", signed_a_minute_ago)

        assert (await scene.rule("digest run g1")).status == 200

        assert [run.state for run in await runs(database)] == ["posted"]
        assert len(digest_messages(scene.workspace)) == 1


@pytest.mark.long
@street_on_postgresql
async def test_a_stopped_process_that_resumes_stores_nothing_that_another_one_delivered(street):
    stopped, port = await street.start(LISTENER), free_port()
    await street.start(LISTENER, port=port)
    await street.start(WORKER)
    scene = street.scene
    other = SlackClientSide(scene.workspace, f"http://{LOOPBACK}:{port}/slack/events")
    stopped.signal(signal.SIGSTOP)
    asked = asyncio.create_task(scene.people.command(ALICE, CHANNEL, CALL))
    await asyncio.sleep(1)  # it is in the socket of the stalled process

    assert "Got it" in (await other.command(ALICE, CHANNEL, CALL)).text
    await scene.ended(await scene.latest())
    await asyncio.sleep(DOUBLE_SUBMIT_WINDOW.total_seconds() + 1)
    stopped.signal(signal.SIGCONT)

    assert "already on its way" in (await asked).text
    assert len(await scene.deliveries()) == 1
    assert len(scene.every_visible_file()) == 1


def signed_a_minute_ago(secret: str, body: str) -> dict[str, str]:
    return signature_headers(secret, body, int(time.time()) - SENT_BEFORE_SECONDS)


async def pass_the_window(scene: Scene) -> None:
    """Make the window of every request end."""
    earlier = DOUBLE_SUBMIT_WINDOW + timedelta(seconds=5)
    await make_older(scene, RecentRequestRow.requested_at, earlier)


async def make_older(scene: Scene, column: InstrumentedAttribute[datetime], by: timedelta) -> None:
    async with scene.database.write() as session:
        earliest = await session.scalar(select(func.min(column)))
        assert earliest
        await session.execute(update(column.class_).values({column: earliest - by}))
