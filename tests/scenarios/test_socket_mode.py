"""The main use cases over Socket Mode, with the same listeners."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from bot.sandbox.faults import Fault
from bot.slack.identifiers import Action
from tests.loopback import http_client
from tests.polling import until
from tests.scenarios.conftest import OpenScene
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, Scene
from tests.scenarios.test_from_outside import get
from tests.scenarios.thread import (
    card,
    choose_side,
    offered,
    press,
    press_for_more,
    refused_presses,
)

ALREADY = f"The recording of `{CALL}` is already on its way."


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """The bot connected over Socket Mode, and people whose actions arrive there."""
    async with new_scene(over_socket=True) as scene:
        yield scene


async def test_a_command_over_the_socket_delivers_the_recording_into_a_thread(scene):
    await scene.grant()

    seen = await scene.ask()

    assert seen.ack.arrived
    assert "Got it" in seen.ack.text
    assert (seen.delivery.state, seen.delivery.outcome) == ("delivered", "raw")
    (parent,) = [m for m in scene.workspace.messages(CHANNEL) if m.thread_ts is None]
    assert seen.file.thread_ts == parent.ts
    assert scene.workspace.violations == []


async def test_the_button_works_over_the_socket(scene):
    scene.workspace.join(CHANNEL, BOB)
    await scene.grant()
    seen = await scene.ask()
    assert seen.delivery.reason == "audience"
    (button,) = seen.buttons

    private = await scene.press(button, seen.note)

    assert private.ack.arrived
    assert (private.delivery.state, private.delivery.outcome) == ("delivered", "raw")
    assert private.file.channel.startswith("D")


async def test_the_buttons_of_a_card_work_over_the_socket(scene):
    await scene.grant()
    seen = await scene.ask()
    message = await card(scene, seen.delivery, "*Unredacted*")
    assert set(offered(message)) == {
        Action.OTHER_SIDE,
        Action.WAVEFORM,
        Action.TRANSCRIPT,
        Action.DELETE,
    }

    other = await choose_side(scene, message, "Caller")
    assert (other.state, other.outcome, other.direction) == ("delivered", "raw", "user")

    transcript = await press_for_more(scene, message, Action.TRANSCRIPT)
    assert (transcript.state, transcript.kind) == ("delivered", "transcript")

    ack, _ = await press(scene, message, Action.WAVEFORM)
    assert ack.arrived
    views = scene.workspace.views
    await until(lambda: "slack_file" in str(*(view.body for view in views.values())))

    scene.workspace.join(CHANNEL, BOB)
    ack, told = await press(scene, message, Action.DELETE, user=BOB)
    assert ack.arrived
    assert "Only the person who requested it" in told[-1].text
    assert await refused_presses(scene) == [(BOB, "delete", "deletion_refused")]

    ack, _ = await press(scene, message, Action.DELETE)
    assert ack.arrived
    gone = await card(scene, seen.delivery, f"was deleted from Slack by <@{ALICE}>")
    assert offered(gone) == {}
    left = [file.name for file in scene.workspace.visible_recordings(CHANNEL, message.ts)]
    assert sorted(left) == [f"{CALL}-transcript.txt", f"{CALL}-user-raw.wav"]


async def test_help_and_mistakes_are_answered_over_the_socket(scene):
    help_ack = await scene.people.command(ALICE, CHANNEL, "help")
    mistake = await scene.people.command(ALICE, CHANNEL, f"{CALL} sideways")

    assert "/callaudio" in help_ack.text
    assert "sideways" in mistake.text
    assert "Reference" in mistake.text
    assert await scene.deliveries() == []


async def test_the_http_endpoint_is_closed_with_socket_mode(scene):
    async with http_client() as client:
        response = await client.post(f"{scene.stage.origin}/slack/events", content=b"{}")

    assert response.status_code == 404


async def test_an_envelope_delivered_twice_is_handled_once(scene):
    await scene.people.command(ALICE, CHANNEL, CALL)
    (envelope_id,) = scene.slack.socket_mode.envelope_ids

    again = await scene.slack.socket_mode.redeliver(envelope_id)

    assert again
    assert again["text"] == ALREADY
    delivery = await scene.ended(await scene.latest())
    assert delivery.state == "delivered"
    assert len(await scene.deliveries()) == 1
    assert len(scene.every_visible_file()) == 1


async def test_readiness_and_the_age_of_the_last_envelope_follow_the_socket(scene):
    assert (await get(scene, "/readyz")).json()["socket"] is True

    await scene.people.command(ALICE, CHANNEL, "help")

    metrics = (await get(scene, "/metrics")).text
    (line,) = [
        each
        for each in metrics.splitlines()
        if each.startswith("callaudio_socket_last_envelope_age_seconds")
    ]
    assert 0 <= float(line.split()[1]) < 60


@pytest.mark.parametrize("announced", [True, False], ids=["asked to come anew", "cut off"])
async def test_a_connection_closed_by_the_server_is_replaced(scene, announced):
    opened = len(scene.workspace.called("apps.connections.open"))
    if announced:
        await scene.slack.socket_mode.disconnect()
    else:
        await scene.slack.socket_mode.close()
    await until_connected_anew(scene, opened)

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    assert (await get(scene, "/readyz")).json() == READY


async def test_without_a_connection_the_bot_is_not_ready(scene):
    opened = len(scene.workspace.called("apps.connections.open"))
    scene.slack.faults.add(Fault("apps.connections.open", when="after", hang=True))
    await scene.slack.socket_mode.close()
    await scene.slack.faults.reached("apps.connections.open")

    ready = await get(scene, "/readyz")
    scene.slack.faults.release("apps.connections.open")

    assert (ready.status_code, ready.json()) == (503, {**READY, "socket": False})
    await until_connected_anew(scene, opened)
    assert (await get(scene, "/readyz")).status_code == 200


async def test_a_server_that_refuses_for_a_while_is_tried_again(scene):
    opened = len(scene.workspace.called("apps.connections.open"))
    scene.slack.faults.add(Fault("apps.connections.open", error="internal_error"))
    await scene.slack.socket_mode.disconnect()
    await scene.slack.faults.reached("apps.connections.open")
    await until_connected_anew(scene, opened + 1)

    seen = await scene.ask()

    assert seen.delivery.state == "delivered"


async def test_envelopes_received_before_the_end_are_stored_and_acknowledged(new_scene):
    async with new_scene(over_socket=True) as scene:
        # Bolt reads the bot's identity before the first listener: hold that answer back.
        scene.slack.faults.add(Fault("auth.test", delay_seconds=0.5))
        asking = asyncio.create_task(scene.people.command(ALICE, CHANNEL, CALL))
        await scene.slack.faults.reached("auth.test")
    ack = await asking

    assert ack.arrived
    assert "Got it" in ack.text


READY: Mapping[str, bool] = {"database": True, "migrations": True, "worker": True, "socket": True}


async def until_connected_anew(scene: Scene, opened: int) -> None:
    async def is_ready() -> bool:
        return bool((await get(scene, "/readyz")).json()["socket"])

    await until(lambda: len(scene.workspace.called("apps.connections.open")) > opened)
    await scene.slack.socket_mode.connected()
    await until(is_ready, every_seconds=0.05)
