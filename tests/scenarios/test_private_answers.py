"""Private answers reach the requester and nobody else, whatever fails."""

from bot.sandbox.faults import Fault
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL

OTHER = "C0OTHER000"
OWN_DM = f"D{ALICE[1:]}"
GONE = Fault("audio", status=410)


async def test_notes_are_sent_where_the_request_was_made_and_not_to_the_destination(scene):
    scene.workspace.join(CHANNEL, BOB)
    scene.workspace.add_channel(OTHER, members=[ALICE, BOB])

    seen = await scene.ask(f"{CALL} {OTHER}")

    assert [e.channel for e in seen.private] == [CHANNEL, CHANNEL]
    assert [e.via for e in seen.private] == ["ack", "response_url"]
    assert seen.overheard == []
    # The public text says nothing about the requester that the private note says.
    assert "you are not cleared" not in str(seen.posted)
    assert "cleared" not in str(seen.posted)
    assert "personal details are muted" in str(seen.posted)
    # The response URL was called without a token, as Slack requires, and forgotten.
    assert seen.delivery.response_url is None
    assert scene.workspace.violations == []


async def test_a_requester_is_notified_where_the_bot_is_not_a_member(scene):
    scene.workspace.add_channel(OTHER, members=[ALICE], is_private=True, bot_is_member=False)

    seen = await scene.ask(channel=OTHER)
    assert seen.delivery.error_code == "conversation_unseen"
    assert [(e.via, e.channel) for e in seen.private] == [("ack", OTHER), ("response_url", OTHER)]
    assert "`/invite @callaudio`" in seen.note.text

    # The last way is the requester's direct messages with the bot.
    scene.slack.faults.add(Fault("response_url", status=404))
    seen = await scene.ask(scene.another_call(), channel=OTHER)
    assert [e.via for e in seen.private] == ["ack"]
    (note,) = seen.posted
    assert note.channel == OWN_DM
    assert scene.workspace.channels[OWN_DM].members == (ALICE,)
    assert "`/invite @callaudio`" in note.text
    assert seen.delivery.id in str(note.blocks)


async def test_a_delivery_whose_note_cannot_be_sent_ends_and_is_audited(scene):
    scene.polyai.faults.add(GONE)
    scene.slack.faults.add(Fault("response_url", status=500))
    scene.slack.faults.add(Fault("chat.postEphemeral", error="user_not_in_channel"))
    scene.slack.faults.add(Fault("conversations.open", error="user_disabled"))

    seen = await scene.ask()

    assert (seen.delivery.state, seen.delivery.error_code) == ("failed", "recording_gone")
    assert [e.via for e in seen.private] == ["ack"]
    assert (seen.posted, seen.overheard) == ([], [])
    assert seen.tags[-2:] == ["worker:delivery:failed", "worker:delivery:untold"]
    assert seen.delivery.notify_failed_at
