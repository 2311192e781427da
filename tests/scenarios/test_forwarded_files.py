"""A forwarded raw recording is taken back wherever it went, with or without an event."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.sandbox.faults import Fault
from bot.slack.identifiers import Action
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import AuditEventRow
from tests.polling import until
from tests.scenarios.conftest import WATCHFUL, OpenScene, postgresql_at_length
from tests.scenarios.scene import ALICE, BOB, BOSS, CHANNEL, SHARE, Scene, Seen
from tests.scenarios.thread import card, press_for_more

SECOND = timedelta(seconds=1)
EVERY = replace(WATCHFUL, check_every=SECOND)
RARELY = replace(WATCHFUL, check_every=timedelta(hours=1))
WITH, WITHOUT = "with an event", "without an event"
WAYS = [pytest.param(RARELY, id=WITH), pytest.param(EVERY, id=WITHOUT)]

OPEN, MIXED, CLEARED, DM = "C0OPEN0000", "C0MIXED000", "C0CLEARED0", "D0BETWEEN0"
# Every place, either way, is a row of tests/recordings/take_back/.
PLACES = [
    pytest.param(EVERY, OPEN, "public", id=f"a public channel, {WITHOUT}"),
    pytest.param(RARELY, MIXED, "audience", id="a channel with a person who is not cleared"),
    pytest.param(RARELY, DM, "withheld", id="the direct messages of two people"),
]

pytestmark = [pytest.mark.watchful, pytest.mark.only_taken_back]


def add_places(scene: Scene) -> None:
    add = scene.workspace.add_channel
    add(OPEN, members=[ALICE])
    add(MIXED, members=[ALICE, BOB], is_private=True)
    add(CLEARED, members=[ALICE], is_private=True)
    add(DM, members=[ALICE, BOB], is_im=True, bot_is_member=False)


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    async with new_scene(timings=RARELY) as scene:
        yield scene


async def raw(scene: Scene) -> Seen:
    add_places(scene)
    await scene.grant()
    seen = await scene.ask()
    assert seen.delivery.outcome == "raw"
    return seen


async def is_told(scene: Scene, seen: Seen, *, least: int = 1) -> None:
    """Wait until Slack has sent the event about the new share."""
    calls = scene.workspace.called
    before = len([c for c in calls("files.info") if c.arguments["file"] == seen.file.id])
    await until(
        lambda: (
            len([c for c in calls("files.info") if c.arguments["file"] == seen.file.id])
            >= before + least
        )
    )


async def assert_taken_back(scene: Scene, seen: Seen, cause: str) -> AuditEventRow:
    """Check that the file is gone everywhere, the card says so, and both events are audited."""
    await card(scene, seen.delivery, "The unredacted recording can no longer be heard in Slack")
    assert scene.every_visible_file() == scene.every_visible_picture() == []
    (taken_back,) = await scene.events("retention:file:taken_back")
    assert taken_back.payload["cause"] == cause
    (found,) = await scene.events("retention:file:passed_on")
    assert found.payload["cause"] == cause
    assert found.delivery_id == taken_back.delivery_id == seen.delivery.id
    return found


@postgresql_at_length
@pytest.mark.parametrize(("timings", "place", "because"), PLACES)
async def test_a_file_forwarded_to_where_raw_is_refused_is_taken_back_everywhere(
    new_scene, timings, place, because
):
    async with new_scene(timings=timings) as scene:
        scene.workspace.tells_unseen_shares = timings is EVERY
        seen = await raw(scene)
        is_told = timings is RARELY
        await scene.people.forward_file(ALICE, seen.file.id, place, sends_event=is_told)
        assert [f.id for f in scene.workspace.visible_files(place)] == [seen.file.id]

        found = await assert_taken_back(scene, seen, "forwarded")
        assert (found.payload["channel_id"], found.payload["because"]) == (place, because)
        # Slack names the person who forwarded it, where the bot can see the share.
        assert found.actor_id == ("system" if place == DM else ALICE)


@postgresql_at_length
@pytest.mark.parametrize("place", [OPEN, DM])
async def test_a_file_forwarded_before_its_delivery_has_ended_is_taken_back(scene, place):
    """The file is visible, and Slack reports it once, before the delivery has ended."""
    add_places(scene)
    await scene.grant()
    scene.slack.faults.add(Fault(SHARE, when="after", hang=True))
    await scene.people.command(ALICE, CHANNEL, scene.another_call())
    await scene.slack.faults.reached(SHARE)
    (file,) = scene.every_visible_file()
    await scene.people.forward_file(ALICE, file.id, place)
    scene.slack.faults.release(SHARE)

    async def is_audited() -> bool:
        found = await scene.events("retention:file:taken_back")
        return [each.payload["cause"] for each in found] == ["forwarded"]

    await until(is_audited, every_seconds=0.05)
    assert scene.every_visible_file() == scene.every_visible_picture() == []


@pytest.mark.parametrize("timings", WAYS)
async def test_a_public_link_takes_the_file_back(new_scene, timings):
    async with new_scene(timings=timings) as scene:
        seen = await raw(scene)
        await scene.people.publish_file(ALICE, seen.file.id, sends_event=timings is RARELY)

        found = await assert_taken_back(scene, seen, "public_link")
        assert (found.payload["channel_id"], found.actor_id) == (None, "system")


async def test_a_forwarded_waveform_takes_the_recording_back(scene):
    seen = await raw(scene)
    await scene.people.forward_file(ALICE, seen.picture.id, OPEN)
    await assert_taken_back(scene, seen, "forwarded")


async def test_a_forwarded_transcript_is_taken_back_and_its_recording_stays(scene):
    seen = await raw(scene)
    message = await card(scene, seen.delivery, "*Unredacted*")
    row = await press_for_more(scene, message, Action.TRANSCRIPT)
    await scene.people.forward_file(ALICE, str(row.file_id), OPEN)

    await card(scene, row, "The transcript can no longer be read in Slack: it was forwarded")
    assert [f.id for f in scene.every_visible_file()] == [seen.file.id]


async def stays(scene: Scene, seen: Seen) -> None:
    await is_told(scene, seen, least=2)
    assert [f.id for f in scene.workspace.visible_recordings(CHANNEL)] == [seen.file.id]
    assert await scene.events("retention:file:passed_on") == []


async def test_a_file_forwarded_to_cleared_people_only_stays(new_scene):
    async with new_scene(timings=EVERY) as scene:
        seen = await raw(scene)
        await scene.people.forward_file(ALICE, seen.file.id, CLEARED)
        await stays(scene, seen)

        scene.workspace.join(CLEARED, BOB)
        found = await assert_taken_back(scene, seen, "forwarded")
        assert found.payload["because"] == "audience"


@postgresql_at_length
@pytest.mark.parametrize("happens", ["somebody joins", "a listener is denied"])
async def test_a_change_in_the_other_conversation_takes_the_file_back_at_once(new_scene, happens):
    async with new_scene(timings=RARELY, environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        seen = await raw(scene)
        await scene.grant(BOB)
        await scene.people.forward_file(ALICE, seen.file.id, MIXED)

        async def is_judged() -> bool:
            is_due = await scene.due(DueWorkKind.CHECK_SHARES, seen.delivery.id)
            return not is_due and bool((await scene.row(seen.delivery.id)).reported_channels)

        await until(is_judged)
        assert [f.id for f in scene.workspace.visible_recordings(CHANNEL)] == [seen.file.id]

        if happens == "somebody joins":
            scene.workspace.join(MIXED, BOSS)
            event = {"type": "member_joined_channel", "channel": MIXED, "user": BOSS}
            assert (await scene.people.event(event)).status == 200
        else:
            deny = f"deny <@{BOB}> pii left"
            await scene.rule(deny)

        found = await assert_taken_back(scene, seen, "forwarded")
        assert (found.payload["channel_id"], found.payload["because"]) == (MIXED, "audience")


async def test_a_share_that_neither_slack_nor_an_event_names_is_not_found(new_scene):
    """This limitation is documented in docs/security.md."""
    async with new_scene(timings=EVERY) as scene:
        seen = await raw(scene)
        await scene.people.forward_file(ALICE, seen.file.id, DM, sends_event=False)
        await stays(scene, seen)


async def test_a_redacted_recording_may_be_forwarded_and_is_not_checked(new_scene):
    async with new_scene(timings=EVERY) as scene:
        add_places(scene)
        seen = await scene.ask()
        assert seen.delivery.outcome == "redacted"
        before = len(scene.workspace.called("files.info"))
        await scene.people.forward_file(ALICE, seen.file.id, OPEN)
        await scene.people.publish_file(ALICE, seen.file.id)
        other = await scene.ask(scene.another_call())
        await scene.rest()

        asked = scene.workspace.called("files.info")[before:]
        assert {call.arguments["file"] for call in asked} == {other.file.id}
        assert seen.file.id in [f.id for f in scene.workspace.visible_files(OPEN)]
