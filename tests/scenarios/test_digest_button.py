"""*Get call audio* in a digest: delivered into its thread, by the presser's rights."""

import asyncio
from dataclasses import dataclass
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
from bot.store.tables import DeliveryRow
from tests.digests.builders import digest, listed, post
from tests.scenarios.conftest import some_at_length
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

GUEST = "U0GUEST00"


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


@dataclass(frozen=True)
class Case:
    """Who presses where, and the outcome of the decision table."""

    user: str
    reason: str
    cleared: tuple[str, ...] = ()
    members: tuple[str, ...] = (ALICE,)
    shared: bool = False
    allow_listed: bool = False
    rule: str = "cleared"
    public: bool = False


CASES = {
    "a cleared person among cleared people": Case(ALICE, "cleared", cleared=(ALICE,)),
    "a person who is not cleared": Case(BOB, "not_cleared", (ALICE,), members=(ALICE, BOB)),
    "a cleared person and an uncleared listener": Case(ALICE, "audience", (ALICE,), (ALICE, BOB)),
    "the same, where only the requester counts": Case(
        ALICE, "cleared", (ALICE,), (ALICE, BOB), rule="requester"
    ),
    "a cleared person in a public channel": Case(ALICE, "audience", (ALICE,), public=True),
    "a guest": Case(GUEST, "requester_not_allowed", (ALICE,), (ALICE, GUEST)),
    "a guest with a grant of their own": Case(GUEST, "cleared", (ALICE, GUEST), (ALICE, GUEST)),
    "somebody who is not in the channel": Case(BOB, "requester_not_in_destination", (ALICE, BOB)),
    "a cleared person in a shared channel": Case(
        ALICE, "external_destination", (ALICE,), shared=True
    ),
    "the same in one that is allowed": Case(
        ALICE, "external_destination", (ALICE,), shared=True, allow_listed=True
    ),
}
USUAL = (  # the rules themselves are in test_decision.py
    "a cleared person among cleared people",
    "a person who is not cleared",
    "a cleared person in a public channel",
    "somebody who is not in the channel",
    "the same in one that is allowed",
)
REFUSED = {"requester_not_allowed", "requester_not_in_destination", "external_destination"}


@pytest.mark.parametrize("case", some_at_length(CASES, *USUAL))
async def test_each_presser_gets_the_outcome_of_the_decision_table(new_scene, case):
    allowed = CHANNEL if case.allow_listed else ""
    environment = {"CALLAUDIO_EXTERNAL_CHANNELS": allowed, "CALLAUDIO_AUDIENCE": case.rule}
    async with new_scene(environment=environment) as scene:
        scene.workspace.add_user(GUEST, is_restricted=True)
        scene.workspace.add_channel(CHANNEL, members=case.members, is_private=not case.public)
        for user in case.cleared:
            await scene.grant(user)
        message = await posted(scene, CALL)
        scene.workspace.change_channel(CHANNEL, is_ext_shared=case.shared)

        seen = await scene.press(button(message), message, user=case.user)

        assert (seen.ack.status, seen.ack.text) == (200, "")
        if case.reason in REFUSED and not case.allow_listed:
            assert_refused(seen, case.reason)
        else:
            outcome = "raw" if case.reason == Reason.CLEARED else "redacted"
            assert_in_thread(seen, message, outcome, case.reason)
            told = WHY.get("public" if case.public else case.reason)
            assert told is None or told in seen.note.text
        (unchanged,) = [m for m in scene.workspace.messages(CHANNEL) if m.ts == message.ts]
        assert unchanged == message
        assert scene.workspace.violations == []


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


async def test_two_presses_deliver_once(scene):
    message = await posted(scene, CALL)
    pressed = button(message)

    async def press() -> None:
        await scene.people.block_action(
            ALICE, CHANNEL, message.ts, pressed["action_id"], pressed["value"], ephemeral=False
        )

    await asyncio.gather(press(), press())
    await scene.ended(await scene.latest())
    assert len(await scene.deliveries()) == 1
    assert len(scene.workspace.visible_recordings(CHANNEL, message.ts)) == 1


async def test_the_press_is_stored_before_it_is_acknowledged(scene):
    message = await posted(scene, CALL)
    pressed = button(message)
    ack = await scene.people.block_action(
        BOB, CHANNEL, message.ts, pressed["action_id"], pressed["value"], ephemeral=False
    )
    assert ack.status == 200
    row: DeliveryRow = await scene.row(await scene.latest())
    assert (row.user_id, row.asked_channel_id, row.asked_thread_ts, row.direction) == (
        BOB,
        CHANNEL,
        message.ts,
        "combined",
    )
    await scene.ended(row.id)


@pytest.mark.parametrize(
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
    (told,) = scene.workspace.ephemerals
    assert (told.user, words in told.text) == (ALICE, True)
    assert "1234567890" not in told.text
    assert await scene.deliveries() == []
