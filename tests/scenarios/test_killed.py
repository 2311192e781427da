"""A bot killed at any moment delivers what it had accepted after its next start, once."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

import pytest

from bot.jobs.work_kind import MOST_TAKEOVERS
from bot.sandbox import recordings
from bot.sandbox.faults import Fault, Faults
from tests.scenarios.killed_bot import Street, at_once
from tests.scenarios.scene import ALICE, BROKEN_OFF, CALL, CHANNEL

When = Literal["before", "after"]


@dataclass(frozen=True)
class Moment:
    """An outbound call: the ``nth`` of its route, counted from 1."""

    route: str
    nth: int = 1
    polyai: bool = False


MOMENTS = {
    "looking at the destination": Moment("conversations.info"),
    "looking at the requester": Moment("users.info"),
    "deciding who listens": Moment("conversations.members"),
    "reading the call's facts": Moment("conversation", polyai=True),
    "fetching the recording": Moment("audio", polyai=True),
    "announcing": Moment("chat.postMessage"),
    "requesting the upload URL": Moment("files.getUploadURLExternal"),
    "uploading": Moment("upload"),
    "requesting the upload URL of its picture": Moment("files.getUploadURLExternal", 2),
    "uploading its picture": Moment("upload", 2),
    "deciding again": Moment("users.info", 2),
    "deciding again what the destination is": Moment("conversations.info", 2),
    "sharing": Moment("files.completeUploadExternal"),
    "looking whether it is visible": Moment("files.info"),
    "putting the facts on the announcement": Moment("chat.update"),
}
ALIKE = {
    "looking at the requester",
    "deciding who listens",
    "reading the call's facts",
    "requesting the upload URL",
    "requesting the upload URL of its picture",
    "deciding again what the destination is",
}
"""Calls in parallel with another one: the same state is stored before both."""
READS = {
    "audio",
    "conversation",
    "conversations.info",
    "conversations.members",
    "files.info",
    "users.info",
}
"""They change nothing, so whether one was answered makes no difference to the next start."""
BOTH: tuple[When, ...] = ("before", "after")
ONE_ANNOUNCEMENT_NEEDS = "groups:history"


def in_turn(moments: dict[str, Moment], alike: Container[str] = ()) -> pytest.MarkDecorator:
    """Parametrize a test by moment, before and after the effect; some only with ``test-long``."""
    cases = []
    for name, moment in moments.items():
        if name in alike:
            cases.append(pytest.param(moment, BOTH, id=name, marks=pytest.mark.long))
        elif moment.route in READS:
            cases.append(pytest.param(moment, BOTH[:1], id=name))
            cases.append(
                pytest.param(moment, BOTH[1:], id=f"{name}, after", marks=pytest.mark.long)
            )
        else:
            cases.append(pytest.param(moment, BOTH, id=name))
    return pytest.mark.parametrize(("moment", "whens"), cases)


@in_turn(MOMENTS, ALIKE)
async def test_a_bot_killed_before_or_after_the_effect_of_a_call_delivers_exactly_once(
    moment, whens, new_street
):
    async def through(when: When) -> None:
        raw = when == "before" or moment.nth == 1
        async with new_street(when) as street:
            street.scene.workspace.scopes.add(ONE_ANNOUNCEMENT_NEEDS)
            if raw:
                await street.scene.grant()
            await kill_at(street, moment, when)

            await assert_delivered_exactly_once(street, raw=raw)

    await at_once(through, *whens)


async def test_a_bot_killed_right_after_its_ack_delivers_what_it_accepted(street):
    bot = await street.start()
    ack = await street.scene.people.command(ALICE, CHANNEL, CALL)
    await bot.kill()
    assert ack.arrived
    assert "Got it" in ack.text

    await street.start()

    await assert_delivered_exactly_once(street, raw=False)


async def test_a_bot_killed_repeatedly_at_every_step_delivers_exactly_once(street):
    street.scene.workspace.scopes.add(ONE_ANNOUNCEMENT_NEEDS)
    await street.scene.grant()
    await kill_at(street, MOMENTS["announcing"], "after", restart=False)
    for name in ("uploading", "sharing", "looking whether it is visible"):
        moment = MOMENTS[name]
        arm(street, moment, "after")
        bot = await street.start()
        await faults_of(street, moment).reached(moment.route, times=moment.nth)
        await bot.kill()
        faults_of(street, moment).release(moment.route)

    last = await street.start()

    await assert_delivered_exactly_once(street, raw=True)
    metrics = await last.metrics()
    assert metrics
    assert 'callaudio_work_taken_over_total{kind="deliver"} 1.0' in metrics


async def test_without_the_history_scope_a_lost_card_may_remain_but_one_thread_has_the_file(street):
    await kill_at(street, MOMENTS["announcing"], "after")

    delivery = await street.scene.ended(await street.scene.latest())

    (file,) = street.scene.workspace.visible_recordings(CHANNEL)
    parents = parents_in(street)
    assert len(parents) <= 2
    assert delivery.parent_ts in parents
    assert file.thread_ts == delivery.parent_ts
    assert await delivered_events(street, delivery.id) == [delivery.parent_ts]


async def test_a_delivery_that_kills_each_worker_fails_with_a_note_and_delays_no_other(street):
    scene = street.scene
    deadly = scene.another_call()
    for deaths in range(MOST_TAKEOVERS):
        scene.polyai.faults.add(Fault("audio", hang=True))
        bot = await street.start()
        if not deaths:
            await scene.people.command(ALICE, CHANNEL, deadly)
        await scene.polyai.faults.reached("audio", times=deaths + 1)
        await bot.kill()
        scene.polyai.faults.release("audio")

    await street.start()

    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.error_code) == ("failed", "worker_died")
    (note,) = [n for n in scene.workspace.ephemerals if "Got it" not in n.text]
    assert "callaudio itself stopped each time" in note.text
    tags = [event.tag for event in await scene.audit(delivery.id)]
    assert tags[-1] == "worker:delivery:failed"
    assert scene.every_visible_file() == []
    await scene.people.command(ALICE, CHANNEL, scene.another_call())
    assert (await scene.ended(await scene.latest())).state == "delivered"


async def test_a_bot_killed_while_idle_starts_again_without_work(street):
    bot = await street.start()
    await street.scene.ask()
    calls = len(street.scene.workspace.calls)
    await bot.kill()

    await street.start()
    seen = await street.scene.ask(street.scene.another_call())

    assert len(seen.files) == 1
    new = street.scene.workspace.calls[calls:]
    assert [call.method for call in new].count("files.completeUploadExternal") == 1


def faults_of(street: Street, moment: Moment) -> Faults:
    return street.scene.polyai.faults if moment.polyai else street.scene.slack.faults


def arm(street: Street, moment: Moment, when: When) -> None:
    faults = faults_of(street, moment)
    for _ in range(moment.nth - 1):
        faults.add(Fault(moment.route))  # a fault without an effect lets its request pass
    faults.add(Fault(moment.route, when=when, hang=True))


async def kill_at(street: Street, moment: Moment, when: When, *, restart: bool = True) -> None:
    """Request a recording, kill the bot at the moment, and start it again."""
    arm(street, moment, when)
    bot = await street.start()
    ack = await street.scene.people.command(ALICE, CHANNEL, CALL)
    assert ack.arrived
    await faults_of(street, moment).reached(moment.route, times=moment.nth)
    await bot.kill()
    faults_of(street, moment).release(moment.route)
    if restart:
        await street.start()


async def assert_delivered_exactly_once(street: Street, *, raw: bool) -> None:
    scene = street.scene
    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.outcome) == ("delivered", "raw" if raw else "redacted")
    (file,) = scene.workspace.visible_recordings(CHANNEL)
    assert file.content == recordings.load("combined", redacted=not raw)
    assert (file.id, file.completed_times) == (delivery.file_id, 1)
    assert [each for each in scene.workspace.recordings if each.completed_times] == [file]
    pictures = [each for each in scene.workspace.visible_files(CHANNEL) if each.is_picture]
    assert [each.id for each in pictures] == [delivery.picture_file_id] * len(pictures)
    assert bool(pictures) == bool(delivery.picture_file_id)
    assert parents_in(street) == [file.thread_ts]
    assert await delivered_events(street, delivery.id) == [file.thread_ts]
    assert len(await scene.deliveries()) == 1
    assert scene.workspace.violations in ([], [BROKEN_OFF])


def parents_in(street: Street) -> list[str]:
    return [m.ts for m in street.scene.workspace.messages(CHANNEL) if m.thread_ts is None]


async def delivered_events(street: Street, delivery_id: str) -> list[str]:
    return [
        event.payload["thread_ts"]
        for event in await street.scene.audit(delivery_id)
        if event.tag == "worker:delivery:delivered"
    ]
