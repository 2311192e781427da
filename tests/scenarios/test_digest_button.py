"""*Get call audio* in a digest: delivered into its thread, by the presser's rights."""

import asyncio
from typing import Any

import pytest

from bot.access.policy import Reason
from bot.polyai.transport import build_http_client
from bot.recordings.references.agents import DEFAULT_AGENT
from bot.sandbox import recordings
from bot.sandbox.objects import Message
from bot.slack.digests.gateway import SlackDigestGateway
from bot.slack.identifiers import Action
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.web_api.api import SlackApi, build_client, build_session
from tests.digests.builders import digest, listed, post
from tests.scenarios.scene import (
    ALICE,
    BOB,
    CALL,
    CHANNEL,
    DELIVERED_TAGS,
    RAW_SPAN,
    WHY,
    Scene,
    Seen,
    assert_refused,
)
from tests.slack.digests.builders import report_of
from tests.tables import each_row

pytestmark = pytest.mark.watchful


async def posted(scene: Scene, *conversation_ids: str) -> Message:
    """A digest in the channel, posted by the product's own code."""
    calls = [listed(n, conversation_id=id_, handoff=True) for n, id_ in enumerate(conversation_ids)]
    workspace = scene.workspace
    async with build_session() as session, build_http_client(4) as http:
        api = SlackApi(build_client(workspace.bot_token, scene.slack.url, session))
        digests = SlackDigestGateway(api, SlackGateway(api, http))
        of_team = digest(team_id=workspace.team_id, channel_id=CHANNEL)
        ts = await digests.post(post(report_of(calls), digest=of_team))
    (message,) = [each for each in workspace.messages(CHANNEL) if each.ts == ts]
    return message


def button(message: Message, at: int = 0) -> dict[str, Any]:
    drawn = [block["accessory"] for block in message.blocks if "accessory" in block]
    assert {each["action_id"] for each in drawn} == {Action.GET_FROM_DIGEST}
    return drawn[at]


def assert_in_thread(seen: Seen, message: Message, outcome: str, reason: str) -> None:
    """Check that one file is in the digest's thread, fetched with the key of its outcome."""
    raw = outcome == "raw"
    assert (seen.delivery.outcome, seen.delivery.reason) == (outcome, reason)
    assert seen.file.content == recordings.load("combined", redacted=not raw)
    assert (RAW_SPAN in seen.file.content) is raw
    assert (seen.file.channel, seen.file.thread_ts) == (message.channel, message.ts)
    assert {each.thread_ts for each in seen.posted} == {message.ts}
    assert {(r.key_kind, r.query["redacted"]) for r in seen.audio_requests} == {
        ("raw", "false") if raw else ("plain", "true")
    }
    assert seen.tags == DELIVERED_TAGS
    assert seen.delivery.source == "digest"
    assert seen.overheard == []


REFUSED = {"requester_not_in_destination", "external_destination"}


@pytest.mark.parametrize(
    ("user", "is_private", "is_shared", "reason"),
    [
        pytest.param(ALICE, True, False, "cleared", id="a cleared person"),
        pytest.param(ALICE, False, False, "audience", id="in a public channel"),
        pytest.param(ALICE, True, True, "external_destination", id="in a shared channel"),
        pytest.param(BOB, True, False, "requester_not_in_destination", id="outside the channel"),
    ],
)
async def test_each_presser_gets_the_outcome_of_the_decision_table(
    scene, user, is_private, is_shared, reason
):
    """The rules themselves are in test_decision.py."""
    await scene.grant()
    scene.workspace.change_channel(CHANNEL, is_private=is_private)
    message = await posted(scene, CALL)
    scene.workspace.change_channel(CHANNEL, is_ext_shared=is_shared)

    seen = await scene.press(button(message), message, user=user)

    assert (seen.ack.status, seen.ack.text) == (200, "")
    if reason in REFUSED:
        assert_refused(seen, reason)
    else:
        outcome = "raw" if reason == Reason.CLEARED else "redacted"
        assert_in_thread(seen, message, outcome, reason)
        assert is_private or WHY["public"] in seen.note.text
    (unchanged,) = [m for m in scene.workspace.messages(CHANNEL) if m.ts == message.ts]
    assert unchanged == message


async def test_each_row_delivers_its_own_call_into_the_one_thread(scene):
    await scene.grant()
    calls = [CALL, scene.another_call(), scene.another_call()]
    message = await posted(scene, *calls)
    for at in range(3):
        seen = await scene.press(button(message, at), message)
        conversation_id = button(message, at)["value"].removeprefix(f"{DEFAULT_AGENT}:")
        assert seen.delivery.conversation_id == conversation_id
        assert_in_thread(seen, message, "raw", "cleared")
    files = scene.workspace.visible_recordings(CHANNEL, message.ts)
    assert sorted(file.name for file in files) == sorted(f"{call}-raw.wav" for call in calls)


async def test_a_digest_in_plain_blocks_has_the_same_buttons(scene):
    scene.workspace.unknown_blocks |= {"data_visualization", "data_table"}
    message = await posted(scene, CALL)
    seen = await scene.press(button(message), message, user=ALICE)
    assert_in_thread(seen, message, "redacted", "not_cleared")
    files = scene.workspace.visible_recordings(CHANNEL, message.ts)
    assert [file.name for file in files] == [f"{CALL}-redacted.wav"]


async def test_two_presses_are_stored_before_they_are_acknowledged_and_deliver_once(scene):
    message = await posted(scene, CALL)

    acks = await asyncio.gather(*(scene.use(button(message), message) for _ in range(2)))

    assert [ack.status for ack in acks] == [200, 200]
    row = await scene.row(await scene.latest())
    asked = (row.user_id, row.asked_channel_id, row.asked_thread_ts, row.direction)
    assert asked == (ALICE, CHANNEL, message.ts, "combined")
    await scene.ended(row.id)
    assert len(await scene.deliveries()) == 1
    assert len(scene.workspace.visible_recordings(CHANNEL, message.ts)) == 1


@each_row(
    ("value", "words"),
    [
        (f"gone:{CALL}", "No agent of the name"),
        ("default:+441234567890", "personal number"),
        ("default:../../etc", "not a conversation id"),
        ("default", "not a conversation id"),
        ("", "not a conversation id"),
    ],
)
async def test_a_button_of_an_unknown_call_is_answered_to_the_presser(scene, value, words):
    message = await posted(scene, CALL)
    await scene.people.block_action(
        ALICE, CHANNEL, message.ts, Action.GET_FROM_DIGEST, value, ephemeral=False
    )
    told = scene.workspace.ephemerals[-1]
    assert (told.user, words in told.text) == (ALICE, True)
    assert "1234567890" not in told.text
    assert await scene.deliveries() == []
