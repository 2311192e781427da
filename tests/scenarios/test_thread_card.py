"""The bot's card of a recording: its progress, its facts and its buttons."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.grants import Effect
from bot.recordings.steps.card_progress import ProgressIntervals
from bot.sandbox.faults import Fault
from bot.sandbox.objects import Message
from bot.sandbox.polyai_calls import Shape
from bot.slack.identifiers import Action
from tests.polling import until
from tests.scenarios.conftest import QUICK, WATCHFUL
from tests.scenarios.scene import ALICE, BOB, BROKEN_OFF, CALL, CHANNEL, SHARE, Scene
from tests.scenarios.thread import card, offered, press, press_for_more, sides

OFTEN = replace(QUICK, progress=ProgressIntervals(one_card_seconds=0.05, all_cards_seconds=0))
LOUD = "<!channel> <https://evil.example|+441234567890>"


def updates(scene: Scene) -> list[str]:
    return [str(call.arguments["blocks"]) for call in scene.workspace.called("chat.update")]


async def test_the_card_shows_progress_and_ends_with_the_facts(new_scene):
    async with new_scene(timings=OFTEN) as scene:
        call = scene.another_call(shape=Shape.SLOW, pause_seconds=0.1)
        seen = await scene.ask(call)

        *on_the_way, last = updates(scene)
        percents = [int(each.split(" %")[0].split()[-1]) for each in on_the_way]
        assert percents
        assert percents == sorted(set(percents))
        assert all(0 < each < 100 for each in percents)
        assert "Fetching" not in last
        assert "*Redacted*" in last
        (first,) = scene.workspace.called("chat.postMessage")
        assert "Waiting to be fetched" in str(first.arguments["blocks"])
        assert seen.delivery.state == "delivered"


async def test_a_card_that_cannot_be_updated_does_not_fail_the_delivery(new_scene, subtests):
    refused, no_answer = {"error": "fatal_error"}, {"drop_connection": True}
    too_fast = {"status": 429, "headers": {"Retry-After": "1"}}
    async with new_scene(timings=OFTEN) as scene:
        for fault in (refused, too_fast, no_answer):
            with subtests.test(fault):
                scene.slack.faults.add(Fault("chat.update", **fault))
                seen = await scene.ask(scene.another_call(shape=Shape.SLOW, pause_seconds=0.05))

                assert seen.delivery.state == "delivered"
                await card(scene, seen.delivery, "*Redacted*")


async def test_a_slow_update_does_not_overwrite_the_facts(new_scene):
    async with new_scene(timings=OFTEN) as scene:
        scene.slack.faults.add(Fault("chat.update", delay_seconds=1.5))
        seen = await scene.ask(scene.another_call(shape=Shape.SLOW, pause_seconds=0.05))
        # The slow one takes effect last, if it is sent before the facts and not awaited.
        calls = scene.workspace.called
        await until(lambda: {call.status for call in calls("chat.update")} == {"ok"})

        assert "Fetching" in updates(scene)[0]
        assert "*Redacted*" in str((await card(scene, seen.delivery)).blocks)


async def test_without_a_right_the_card_offers_sides_and_deletion_but_no_transcript(scene):
    seen = await scene.ask()
    message = await card(scene, seen.delivery, "*Redacted*")
    assert set(offered(message)) == {Action.OTHER_SIDE, Action.WAVEFORM, Action.DELETE}
    assert list(sides(message)) == ["Caller", "Agent"]


async def test_a_raw_recording_offers_its_transcript(scene):
    await scene.grant()
    seen = await scene.ask(f"{CALL} user")
    message = await card(scene, seen.delivery, "*Unredacted*")
    assert set(offered(message)) == {
        Action.OTHER_SIDE,
        Action.WAVEFORM,
        Action.TRANSCRIPT,
        Action.DELETE,
    }
    assert list(sides(message)) == ["Both sides", "Agent"]
    assert offered(message)[Action.DELETE]["confirm"]["confirm"]["text"] == "Delete"


async def test_text_from_the_call_is_neither_a_mention_nor_a_link(scene):
    row = {"fromNumber": LOUD, "direction": LOUD, "channel": LOUD, "handoffReason": LOUD}
    seen = await scene.ask(scene.another_call(row=row, handoff=True))
    shown = str(await card(scene, seen.delivery, "*Redacted*"))
    for sign in ("<!channel>", "<https:", "evil", "1234567890"):
        assert sign not in shown


async def thread_of_somebody(scene: Scene) -> tuple[Message, str]:
    """Write a message of a person, and request a recording in its thread as *Ask again* does."""
    first = await scene.ask()
    parent = scene.workspace.say(CHANNEL, ALICE, f"please look at {CALL}")
    async with scene.database.write() as session:
        row = await session.get(type(first.delivery), first.delivery.id)
        assert row is not None
        row.asked_thread_ts = parent.ts
    ack = await scene.people.block_action(
        ALICE, CHANNEL, parent.ts, Action.SEND_AGAIN.value, first.delivery.id
    )
    assert ack.status == 200
    return parent, await scene.latest()


async def test_in_an_existing_thread_the_card_is_a_reply(scene):
    parent, delivery_id = await thread_of_somebody(scene)
    row = await scene.ended(delivery_id)

    message = await card(scene, row, "*Redacted*")
    (file,) = scene.workspace.visible_recordings(CHANNEL, parent.ts)
    assert (row.parent_ts, message.thread_ts, file.thread_ts) == (parent.ts,) * 3
    assert row.card_ts != parent.ts
    assert set(offered(message)) == {Action.OTHER_SIDE, Action.WAVEFORM, Action.DELETE}
    assert "+44••••••••90" in str(message.blocks)
    assert "worker:delivery:announced" in [e.tag for e in await scene.audit(row.id)]


async def test_a_failure_in_an_existing_thread_withdraws_the_reply_only(scene):
    scene.workspace.scopes.add("groups:history")
    scene.excuse(BROKEN_OFF)
    scene.polyai.faults.add(Fault("audio"))  # the first recording's
    scene.polyai.faults.add(Fault("audio", when="after", drop_connection=True))
    scene.polyai.faults.add(Fault("audio", status=410))
    parent, delivery_id = await thread_of_somebody(scene)
    row = await scene.ended(delivery_id)

    assert row.state == "failed"
    assert [m.ts for m in scene.workspace.messages(CHANNEL, parent.ts)] == [parent.ts]


@pytest.mark.only_taken_back
async def test_a_taken_back_recording_loses_its_buttons(new_scene):
    timings = replace(WATCHFUL, check_every=timedelta(seconds=0.5))
    async with new_scene(timings=timings) as scene:
        await scene.grant()
        seen = await scene.ask()
        message = await card(scene, seen.delivery, "*Unredacted*")
        await scene.grant(effect=Effect.DENY)

        gone = await card(
            scene, seen.delivery, "The unredacted recording can no longer be heard in Slack"
        )
        assert set(offered(gone)) == {Action.REDACTED_INSTEAD}
        assert gone.ts == message.ts

        scene.workspace.join(CHANNEL, BOB)
        asked = len(scene.polyai.requests)
        row = await press_for_more(scene, gone, Action.REDACTED_INSTEAD, user=BOB)
        assert {r.key_kind for r in scene.polyai.requests[asked:]} == {"plain"}
        again = await card(scene, row, "*Redacted*")
        assert row.outcome == "redacted"
        assert again.thread_ts == message.ts
        assert set(offered(again)) == {Action.OTHER_SIDE, Action.WAVEFORM, Action.DELETE}


async def test_a_file_that_slack_does_not_show_is_reported(scene):
    scene.workspace.visibility_delay_seconds = 60
    seen = await scene.ask()
    assert seen.delivery.state == "unconfirmed"
    assert len(scene.workspace.called(SHARE)) == 1
    assert seen.delivery.id in str(seen.note.blocks)
    message = await card(scene, seen.delivery, "Slack does not show the file yet")
    assert Action.DELETE in offered(message)


@pytest.mark.parametrize("action", [Action.TRANSCRIPT, Action.OTHER_SIDE], ids=["text", "side"])
async def test_a_guest_is_refused_and_audited(scene, action):
    await scene.grant()
    scene.workspace.add_user(BOB, is_restricted=True)
    seen = await scene.ask()
    message = await card(scene, seen.delivery, "*Unredacted*")
    asked = len(scene.polyai.requests)
    if action is Action.OTHER_SIDE:
        value = sides(message)["Agent"]
        await scene.people.choose_on_message(BOB, CHANNEL, message.ts, action.value, value)
    else:
        await press(scene, message, action, user=BOB)
    row = await scene.ended(await scene.latest())

    assert (row.state, row.reason, row.user_id) == ("refused", "requester_not_allowed", BOB)
    assert "Only members of this workspace" in scene.workspace.ephemerals[-1].text
    assert scene.workspace.ephemerals[-1].user == BOB
    assert [e.tag for e in await scene.audit(row.id)][-1] == "policy:delivery:refused"
    assert len(scene.polyai.requests) == asked
    assert len(scene.workspace.messages(CHANNEL)) == 2
