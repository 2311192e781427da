"""A bot killed after a press does what was requested after its next start, once."""

import pytest

from bot.sandbox.objects import Message
from bot.slack.identifiers import Action
from tests.scenarios.killed_bot import Bot, Street, at_once
from tests.scenarios.scene import ALICE, CALL, CHANNEL
from tests.scenarios.test_killed import (
    BOTH,
    ONE_ANNOUNCEMENT_NEEDS,
    Moment,
    When,
    arm,
    faults_of,
    in_turn,
)
from tests.scenarios.thread import card, offered, press

FETCHING = {
    "deciding": Moment("conversations.members"),
    "fetching what was said": Moment("conversation", polyai=True),
    "announcing it": Moment("chat.postMessage"),
    "uploading it": Moment("upload"),
    "sharing it": Moment("files.completeUploadExternal"),
    "putting the facts on its card": Moment("chat.update"),
}
ALIKE = {"deciding", "uploading it", "putting the facts on its card"}
"""From there on a transcript has the same steps as a recording."""
DELETING = {"deleting": Moment("files.delete"), "saying so": Moment("chat.update")}


async def delivered(street: Street) -> tuple[Bot, Message]:
    """Return a delivered raw recording with its card, and the bot that delivered it."""
    scene = street.scene
    scene.workspace.scopes.add(ONE_ANNOUNCEMENT_NEEDS)
    await scene.grant()
    bot = await street.start()
    seen = await scene.ask()
    return bot, await card(scene, seen.delivery, "*Unredacted*")


async def kill_at(street: Street, bot: Bot, moment: Moment, when: When, press_it: object) -> None:
    arm(street, moment, when)
    await press_it
    await faults_of(street, moment).reached(moment.route)
    await bot.kill()
    faults_of(street, moment).release(moment.route)
    await street.start()


@in_turn(FETCHING, ALIKE)
async def test_a_transcript_is_delivered_exactly_once(moment, whens, new_street):
    async def through(when: When) -> None:
        async with new_street(when) as street:
            bot, message = await delivered(street)
            pressing = press(street.scene, message, Action.TRANSCRIPT)
            await kill_at(street, bot, moment, when, pressing)
            await assert_one_transcript(street, message)

    await at_once(through, *whens)


async def assert_one_transcript(street: Street, message: Message) -> None:
    scene = street.scene
    row = await scene.ended(await scene.latest())
    assert (row.state, row.kind) == ("delivered", "transcript")
    _, file = scene.workspace.visible_recordings(CHANNEL, message.ts)
    assert (file.name, file.id) == (f"{CALL}-transcript.txt", row.file_id)
    assert [f.completed_times for f in scene.workspace.recordings if f.completed_times] == [1, 1]
    short = await card(scene, row, "*Unredacted*")
    assert [m.ts for m in scene.everything_posted() if m.text == short.text] == [short.ts]
    tags = [event.tag for event in await scene.audit(row.id)]
    assert tags.count("worker:delivery:delivered") == 1


@pytest.mark.parametrize("moment", DELETING.values(), ids=DELETING)
async def test_a_deletion_is_completed_and_shown(moment, new_street):
    async def through(when: When) -> None:
        async with new_street(when) as street:
            bot, message = await delivered(street)
            deleting = press(street.scene, message, Action.DELETE)
            await kill_at(street, bot, moment, when, deleting)

            scene = street.scene
            row = await scene.row(await scene.latest())
            gone = await card(scene, row, f"was deleted from Slack by <@{ALICE}>")
            assert offered(gone) == {}
            assert scene.workspace.visible_files(CHANNEL) == []
            tags = [event.tag for event in await scene.audit(row.id)]
            assert tags.count("slack:file:delete_asked") == 1
            assert tags.count("retention:file:deleted") == 1

    await at_once(through, *BOTH)
