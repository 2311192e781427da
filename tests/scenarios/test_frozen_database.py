"""A PostgreSQL that hangs: everybody is answered in time, and each request is delivered once."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from bot.slack import ack_window
from bot.slack.ack_window import ANSWER_SECONDS
from bot.slack.identifiers import Action
from tests.polling import until
from tests.scenarios.scene import ALICE, CHANNEL, Scene, assert_raw
from tests.scenarios.thread import card
from tests.tcp_relay import DatabaseRelay


@pytest.fixture(autouse=True)
def as_in_production(monkeypatch: pytest.MonkeyPatch, _patient_acks: None) -> None:
    monkeypatch.setattr(ack_window, "ANSWER_SECONDS", ANSWER_SECONDS)


@pytest.fixture
async def relay(migrated_postgresql: Callable[[], str]) -> AsyncIterator[DatabaseRelay]:
    async with DatabaseRelay(migrated_postgresql()) as relay:
        yield relay


async def test_while_the_database_hangs_slack_is_answered_and_a_repeat_joins_its_request(
    new_scene, relay
):
    async with new_scene(database_url=relay.url) as scene:
        await scene.grant()
        seen = await scene.ask()
        assert_raw(seen)
        message = await card(scene, seen.delivery, "*Unredacted*")
        call = scene.another_call()

        relay.freeze()
        asked, helped, pressed, ruled = await asyncio.gather(
            scene.people.command(ALICE, CHANNEL, call),
            scene.people.command(ALICE, CHANNEL, "help"),
            press_delete(scene, message.ts, seen.delivery.id),
            scene.rule("list", ALICE),
        )
        relay.thaw()

        assert all(ack.arrived for ack in (asked, helped, pressed, ruled))
        assert "longer than Slack waits" in asked.text
        assert "may still be done" in asked.text
        again = await scene.people.command(ALICE, CHANNEL, call)
        assert "Got it" not in again.text
        await until(lambda: len(files_of(scene, call)) == 1)
        deliveries = [each for each in await scene.deliveries() if each.conversation_id == call]
        assert [(await scene.ended(each.id)).state for each in deliveries] == ["delivered"]


def files_of(scene: Scene, call: str) -> list[str]:
    return [file.name for file in scene.every_visible_file() if call in file.name]


async def press_delete(scene: Scene, ts: str, delivery_id: str):
    return await scene.people.block_action(
        ALICE, CHANNEL, ts, Action.DELETE.value, delivery_id, ephemeral=False
    )
