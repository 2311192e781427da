"""Repeated requests, by Slack or by people, deliver one recording, and people learn of it."""

import asyncio

from tests.scenarios.conftest import on_both_databases
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, Scene

ALREADY = f"The recording of `{CALL}` is already on its way."
OTHER_CHANNEL = "C0COACHING"


async def everything_ended(scene: Scene) -> int:
    """Wait until no delivery is under way; returns the number of visible recordings."""
    await scene.all_ended()
    return len(scene.every_visible_file())


async def test_a_command_sent_twice_by_slack_is_one_recording(scene):
    first = await scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3")
    again = await scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3")

    assert "Got it" in first.text
    assert again.text == ALREADY
    assert await everything_ended(scene) == 1
    late = await scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3")
    assert late.text == ALREADY
    assert await everything_ended(scene) == 1
    assert len(await scene.deliveries()) == 1


@on_both_databases
async def test_a_command_sent_twenty_times_at_once_by_slack_is_one_recording(scene):
    acks = await asyncio.gather(
        *(scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3") for _ in range(20))
    )

    assert all(ack.arrived for ack in acks)
    assert sorted(ack.text for ack in acks)[1:] == [ALREADY] * 19
    assert await everything_ended(scene) == 1


async def test_the_same_words_typed_twice_are_one_recording_and_the_answer_says_so(scene):
    first, second = await asyncio.gather(
        scene.people.command(ALICE, CHANNEL, CALL),
        scene.people.command(ALICE, CHANNEL, f"  {CALL}  combined "),
    )

    assert {ALREADY} < {first.text, second.text}
    assert await everything_ended(scene) == 1
    third = await scene.people.command(ALICE, CHANNEL, CALL)
    assert third.text == ALREADY
    assert await everything_ended(scene) == 1


async def test_any_other_choice_is_a_new_request(scene, subtests):
    # Every choice is a row of tests/recordings/requests/test_request_store.py.
    differing = {
        "another variant": (ALICE, CHANNEL, f"{CALL} user redacted"),
        "another person": (BOB, CHANNEL, CALL),
        "to another channel": (ALICE, CHANNEL, f"{CALL} {OTHER_CHANNEL}"),
    }
    for channel in (CHANNEL, OTHER_CHANNEL):
        scene.workspace.add_channel(channel, members=[ALICE, BOB])
    await scene.people.command(ALICE, CHANNEL, CALL)

    for files, (what, (user, channel, text)) in enumerate(differing.items(), start=2):
        with subtests.test(what):
            ack = await scene.people.command(user, channel, text)

            assert "Got it" in ack.text
            assert await everything_ended(scene) == files


async def test_a_request_after_a_failure_delivers_the_recording(scene):
    """Nobody waits ten seconds after inviting the bot."""
    scene.workspace.change_channel(CHANNEL, bot_is_member=False)
    failed = await scene.ask()
    assert (failed.delivery.state, failed.delivery.error_code) == ("failed", "conversation_unseen")
    await scene.next_second()
    scene.workspace.change_channel(CHANNEL, bot_is_member=True)

    seen = await scene.ask()

    assert "Got it" in seen.ack.text
    assert seen.delivery.state == "delivered"
    assert await everything_ended(scene) == 1
