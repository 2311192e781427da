"""The card of a recording in its thread, and the people who press what it offers."""

from collections.abc import Mapping
from typing import Any

from bot.sandbox.block_limits import problems
from bot.sandbox.delivery import Ack
from bot.sandbox.objects import Ephemeral, Message
from bot.slack.identifiers import Action
from bot.store.tables import DeliveryRow
from tests.polling import until
from tests.scenarios.scene import ALICE, Scene


async def card(scene: Scene, row: DeliveryRow, words: str = "") -> Message:
    """Wait for the bot's card of a delivery to contain the words."""

    async def look() -> Message | None:
        now = await scene.row(row.id)
        (message,) = [m for m in scene.everything_posted() if m.ts == now.card_ts]
        return message if words in str(message.blocks) else None

    message = await until(look)
    assert problems(list(message.blocks)) == []
    return message


def offered(message: Message) -> dict[str, Mapping[str, Any]]:
    """Return the buttons of the message, by their action."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return {element["action_id"]: element for row in rows for element in row}


def sides(message: Message) -> dict[str, str]:
    """Return the other sides on offer: each label and its value."""
    options = offered(message)[Action.OTHER_SIDE]["options"]
    return {each["text"]["text"]: each["value"] for each in options}


async def press(
    scene: Scene, message: Message, action: Action, *, user: str = ALICE
) -> tuple[Ack, list[Ephemeral]]:
    """Press a button of the message; returns the private answer."""
    before = len(scene.workspace.ephemerals)
    value = str(offered(message)[action]["value"])
    ack = await scene.people.block_action(
        user, message.channel, message.ts, action.value, value, ephemeral=False
    )
    return ack, scene.workspace.ephemerals[before:]


async def press_for_more(
    scene: Scene, message: Message, action: Action, *, user: str = ALICE
) -> DeliveryRow:
    """Press a button that requests another file; returns its delivery when it has ended."""
    ack, _ = await press(scene, message, action, user=user)
    assert ack.status == 200
    return await scene.ended(await scene.latest())


async def choose_side(
    scene: Scene, message: Message, side: str, *, user: str = ALICE
) -> DeliveryRow:
    """Choose another side in the menu; returns its delivery when it has ended."""
    value = sides(message)[side]
    ack = await scene.people.choose_on_message(
        user, message.channel, message.ts, Action.OTHER_SIDE.value, value
    )
    assert ack.status == 200
    return await scene.ended(await scene.latest())


async def refused_presses(scene: Scene) -> list[tuple[str, str, str]]:
    """Return the refused presses: the button and the code."""
    return [
        (event.actor_id, event.payload["button"], event.payload["code"])
        for event in await scene.all_audit()
        if event.tag == "slack:button:refused"
    ]
