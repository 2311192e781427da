"""*Delete*: for the requester of the recording and for admins only."""

from dataclasses import replace
from datetime import timedelta

from bot.access.grants import Effect, Right
from bot.sandbox.faults import Fault
from bot.sandbox.objects import Message
from bot.slack.identifiers import Action
from tests.scenarios.conftest import WATCHFUL
from tests.scenarios.scene import ALICE, BOB, BOSS, CHANNEL, Scene, Seen
from tests.scenarios.thread import card, offered, press, refused_presses

SOON = replace(WATCHFUL, check_every=timedelta(seconds=0.3))
TEAM_GROUP = "S0QUALITY0"
GONE = ("slack:file:delete_asked", "retention:file:deleted")


async def delivered(scene: Scene, *, raw: bool) -> tuple[Seen, Message]:
    if raw:
        await scene.grant()
    seen = await scene.ask()
    return seen, await card(scene, seen.delivery, "*Unredacted*" if raw else "*Redacted*")


async def deletion_events(scene: Scene, seen: Seen) -> list[tuple[str, str]]:
    events = await scene.audit(seen.delivery.id)
    return [(e.tag, e.actor_id) for e in events if e.tag.split(":")[1] == "file"]


async def test_the_requester_deletes_a_recording_and_the_card_says_so(scene):
    seen, message = await delivered(scene, raw=False)

    ack, shown = await press(scene, message, Action.DELETE)

    assert (ack.status, shown) == (200, [])
    gone = await card(scene, seen.delivery, f"was deleted from Slack by <@{ALICE}>")
    assert offered(gone) == {}
    assert scene.workspace.visible_files(CHANNEL) == []
    assert await deletion_events(scene, seen) == [(tag, ALICE) for tag in GONE]
    row = await scene.row(seen.delivery.id)
    assert (row.taken_back_cause, row.delete_asked_by) == ("asked", ALICE)


async def test_an_admin_deletes_another_persons_recording(scene):
    await scene.grant(BOSS, right=Right.ADMIN)
    seen, message = await delivered(scene, raw=True)

    await press(scene, message, Action.DELETE, user=BOSS)

    gone = await card(scene, seen.delivery, f"was deleted from Slack by <@{BOSS}>")
    assert offered(gone) == {}, "somebody wanted it gone, so it is not offered again"
    assert await deletion_events(scene, seen) == [(tag, BOSS) for tag in GONE]


async def test_any_other_person_is_refused_and_audited(scene):
    scene.workspace.join(CHANNEL, BOB)
    _, message = await delivered(scene, raw=False)

    _, (told,) = await press(scene, message, Action.DELETE, user=BOB)

    assert "Only the person who requested it" in told.text
    assert "*What to do:*" in told.text
    assert await refused_presses(scene) == [(BOB, "delete", "deletion_refused")]
    assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


async def test_an_admin_whose_right_has_ended_is_refused(scene):
    await scene.grant(BOSS, right=Right.ADMIN)
    _, message = await delivered(scene, raw=False)
    await scene.grant(BOSS, right=Right.ADMIN, effect=Effect.DENY)

    _, (told,) = await press(scene, message, Action.DELETE, user=BOSS)

    assert "Only the person who requested it" in told.text
    assert await refused_presses(scene) == [(BOSS, "delete", "deletion_refused")]


async def test_a_guest_who_is_not_the_requester_is_refused(scene):
    scene.workspace.add_user(BOB, is_ultra_restricted=True)
    _, message = await delivered(scene, raw=False)
    _, (told,) = await press(scene, message, Action.DELETE, user=BOB)
    assert "Only the person who requested it" in told.text


async def test_a_guest_in_an_admin_group_is_refused_and_a_member_is_not(scene):
    scene.workspace.add_user(BOB, is_restricted=True)
    scene.workspace.usergroups[TEAM_GROUP] = (BOB, BOSS)
    await scene.grant(TEAM_GROUP, right=Right.ADMIN)
    seen, message = await delivered(scene, raw=False)

    _, (told,) = await press(scene, message, Action.DELETE, user=BOB)

    assert "Only the person who requested it" in told.text
    assert await refused_presses(scene) == [(BOB, "delete", "deletion_refused")]
    await press(scene, message, Action.DELETE, user=BOSS)
    await card(scene, seen.delivery, f"was deleted from Slack by <@{BOSS}>")


async def test_a_second_press_after_the_deletion_says_that_nothing_is_left(scene):
    seen, message = await delivered(scene, raw=False)
    await press(scene, message, Action.DELETE)
    await card(scene, seen.delivery, "was deleted from Slack by")

    _, (told,) = await press(scene, message, Action.DELETE)

    assert "nothing to delete any more" in told.text
    assert await refused_presses(scene) == [(ALICE, "delete", "nothing_to_delete")]
    assert len(scene.workspace.called("files.delete")) == 2  # the recording and its picture
    assert await deletion_events(scene, seen) == [(tag, ALICE) for tag in GONE]


async def test_two_presses_before_the_deletion_are_one_deletion_and_no_refusal(scene):
    scene.slack.faults.add(Fault("files.delete", hang=True, when="after"))
    seen, message = await delivered(scene, raw=False)
    await press(scene, message, Action.DELETE)
    await scene.slack.faults.reached("files.delete")

    _, told = await press(scene, message, Action.DELETE)

    assert told == []
    scene.slack.faults.release("files.delete")
    await card(scene, seen.delivery, "was deleted from Slack by")
    assert await refused_presses(scene) == []


async def test_an_unknown_recording_is_refused_and_audited_without_its_id(scene):
    for action in (Action.DELETE, Action.TRANSCRIPT, Action.SEND_AGAIN):
        ack = await scene.people.block_action(
            ALICE, CHANNEL, "1.1", action.value, "call +44 20 7946 0123", ephemeral=False
        )
        assert ack.arrived
        assert "belongs to somebody else" in scene.workspace.ephemerals[-1].text

    assert await refused_presses(scene) == [
        (ALICE, "delete", "not_yours"),
        (ALICE, "transcript", "not_yours"),
        (ALICE, "once_more", "not_yours"),
    ]
    for event in await scene.all_audit():
        assert (event.team_id, event.delivery_id) == (scene.workspace.team_id, None)
        assert "7946" not in str(event.payload)


async def test_a_refused_deletion_is_retried(new_scene):
    async with new_scene(timings=SOON) as scene:
        scene.slack.faults.add(Fault("files.delete", error="file_deleting_disabled"))
        seen, message = await delivered(scene, raw=False)
        await press(scene, message, Action.DELETE)

        await card(scene, seen.delivery, "was deleted from Slack by")
        deletions = scene.workspace.called("files.delete")
        assert deletions[0].status == "fault"
        assert [each.status for each in deletions].count("ok") == 2
        assert await deletion_events(scene, seen) == [(tag, ALICE) for tag in GONE]


async def test_a_card_that_could_not_be_updated_is_updated_later(new_scene):
    async with new_scene(timings=SOON) as scene:
        seen, message = await delivered(scene, raw=False)
        scene.slack.faults.add(Fault("chat.update", error="fatal_error", times=4))
        await press(scene, message, Action.DELETE)

        await card(scene, seen.delivery, "was deleted from Slack by")
        assert len(scene.workspace.called("files.delete")) == 2  # the recording and its picture
        assert await deletion_events(scene, seen) == [(tag, ALICE) for tag in GONE]
