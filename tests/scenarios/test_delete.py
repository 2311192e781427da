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

    scene.slack.faults.add(Fault("files.delete", hang=True, when="after"))
    for _ in range(2):  # a second press before the deletion is no refusal
        ack, shown = await press(scene, message, Action.DELETE)
        assert (ack.status, shown) == (200, [])
        await scene.slack.faults.reached("files.delete")
    scene.slack.faults.release("files.delete")

    gone = await card(scene, seen.delivery, f"was deleted from Slack by <@{ALICE}>")
    assert offered(gone) == {}
    assert scene.workspace.visible_files(CHANNEL) == []
    assert await deletion_events(scene, seen) == [(tag, ALICE) for tag in GONE]
    row = await scene.row(seen.delivery.id)
    assert (row.taken_back_cause, row.delete_asked_by) == ("asked", ALICE)

    _, (told,) = await press(scene, message, Action.DELETE)

    assert "nothing to delete any more" in told.text
    assert await refused_presses(scene) == [(ALICE, "delete", "nothing_to_delete")]
    assert len(scene.workspace.called("files.delete")) == 2  # the recording and its picture
    assert await deletion_events(scene, seen) == [(tag, ALICE) for tag in GONE]


async def test_an_admin_deletes_another_persons_recording(scene):
    await scene.grant(BOSS, right=Right.ADMIN)
    seen, message = await delivered(scene, raw=True)

    await press(scene, message, Action.DELETE, user=BOSS)

    gone = await card(scene, seen.delivery, f"was deleted from Slack by <@{BOSS}>")
    assert offered(gone) == {}, "somebody wanted it gone, so it is not offered again"
    assert await deletion_events(scene, seen) == [(tag, BOSS) for tag in GONE]


async def test_any_other_person_is_refused_and_audited(scene):
    guest, admin, former_admin = "U0GUEST00", "U0ADMIN00", BOSS
    scene.workspace.join(CHANNEL, BOB)
    scene.workspace.add_user(guest, is_restricted=True)
    scene.workspace.add_user(admin)
    scene.workspace.usergroups[TEAM_GROUP] = (guest, admin)
    await scene.grant(TEAM_GROUP, right=Right.ADMIN)
    await scene.grant(former_admin, right=Right.ADMIN)
    seen, message = await delivered(scene, raw=False)
    await scene.grant(former_admin, right=Right.ADMIN, effect=Effect.DENY)

    for person in (BOB, guest, former_admin):
        _, (told,) = await press(scene, message, Action.DELETE, user=person)
        assert "Only the person who requested it" in told.text
        assert "*What to do:*" in told.text
        assert (await refused_presses(scene))[-1] == (person, "delete", "deletion_refused")

    assert len(await refused_presses(scene)) == 3
    assert len(scene.workspace.visible_recordings(CHANNEL)) == 1
    await press(scene, message, Action.DELETE, user=admin)
    await card(scene, seen.delivery, f"was deleted from Slack by <@{admin}>")


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
