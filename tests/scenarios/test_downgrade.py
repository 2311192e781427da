"""Where raw may no longer be heard, the redacted variant replaces it on the same card, once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.recordings.redaction.canary_store import CanaryStore
from bot.sandbox import recordings
from bot.sandbox.faults import Fault
from bot.sandbox.objects import File, Message
from bot.slack.identifiers import Action
from bot.store.tables import CanaryRow, DeliveryRow
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.scenarios.conftest import WATCHFUL, OpenScene, postgresql_at_length
from tests.scenarios.scene import ALICE, BOB, BOSS, CALL, CHANNEL, Scene, Seen
from tests.scenarios.test_redaction_checks import leaking
from tests.scenarios.thread import card, offered

REDACTED = recordings.load("combined", redacted=True)
OPEN = "C0OPEN0000"
RARELY = replace(WATCHFUL, check_every=timedelta(hours=1))
DOWNGRADED = "retention:delivery:downgraded"
GONE = "The unredacted recording can no longer be heard in Slack"

Happens = Callable[[Scene, str], Awaitable[object]]
"""What happens to the raw recording whose file has this id."""

pytestmark = pytest.mark.watchful


async def tell(scene: Scene, kind: str = "member_joined_channel") -> None:
    """Send an event about the channel; the bot reads the current facts."""
    assert (await scene.people.event({"type": kind, "channel": CHANNEL, "user": ALICE})).status


async def right_ends(scene: Scene, _: str) -> None:
    await scene.let_grants_expire()
    await tell(scene)


async def somebody_uncleared_joins(scene: Scene, _: str) -> None:
    scene.workspace.join(CHANNEL, BOB)
    await tell(scene)


async def channel_becomes_public(scene: Scene, _: str) -> None:
    scene.workspace.change_channel(CHANNEL, is_private=False)
    await tell(scene)


async def is_passed_on(scene: Scene, file_id: str) -> None:
    scene.workspace.add_channel(OPEN, members=[ALICE])
    await scene.people.forward_file(ALICE, file_id, OPEN)


async def gets_a_public_link(scene: Scene, file_id: str) -> None:
    await scene.people.publish_file(ALICE, file_id)


async def channel_is_shared(scene: Scene, _: str) -> None:
    scene.workspace.change_channel(CHANNEL, is_ext_shared=True)
    await tell(scene, "channel_shared")


async def requester_leaves_the_workspace(scene: Scene, _: str) -> None:
    scene.workspace.change_user(ALICE, deleted=True)
    await scene.people.change_user(ALICE, deleted=True)


async def time_is_over(scene: Scene, _: str) -> None:
    await scene.move_back(await scene.latest(), timedelta(hours=25))
    await tell(scene)


FOLLOWED: dict[str, tuple[Happens, str]] = {
    "right_ended": (right_ends, "it may no longer be heard here"),
    "audience": (somebody_uncleared_joins, "who can hear it changed"),
    "public": (channel_becomes_public, "this is a public channel"),
    "forwarded": (is_passed_on, "it was forwarded"),
    "public_link": (gets_a_public_link, "a public link to it was created"),
}
NOT_FOLLOWED = [
    pytest.param(channel_is_shared, "external", "policy:delivery:refused", id="shared"),
    pytest.param(
        requester_leaves_the_workspace, "right_ended", "policy:delivery:refused", id="left"
    ),
    pytest.param(time_is_over, "time_over", None, id="time over"),
]


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """Periodic checks are an hour apart here, so anything sooner is caused by an event."""
    async with new_scene(timings=RARELY) as scene:
        yield scene


async def raw(scene: Scene) -> Seen:
    await scene.grant()
    seen = await scene.ask()
    assert seen.delivery.outcome == "raw"
    return seen


async def follower(scene: Scene, seen: Seen) -> DeliveryRow:
    """Return the redacted delivery that followed, once it has ended."""

    async def stored() -> str | None:
        found = [each.id for each in await scene.deliveries() if each.replaces_id]
        return found[0] if found else None

    row = await scene.ended(await until(stored))
    assert row.replaces_id == seen.delivery.id
    assert len(await scene.deliveries()) == 2
    return row


def the_card(scene: Scene, seen: Seen) -> Message:
    """Return the only message of the bot."""
    (message,) = [m for m in scene.workspace.messages(CHANNEL) if m.thread_ts is None]
    assert message.ts == seen.delivery.card_ts
    return message


def the_file(scene: Scene) -> File:
    (file,) = scene.every_visible_file()
    return file


@postgresql_at_length
@pytest.mark.parametrize("cause", FOLLOWED)
async def test_the_redacted_variant_replaces_raw_on_the_same_card(scene, cause):
    happens, words = FOLLOWED[cause]
    seen = await raw(scene)
    told = len(scene.workspace.ephemerals)
    requests = len(scene.polyai.requests)

    await happens(scene, seen.file.id)

    row = await follower(scene, seen)
    assert (row.state, row.outcome, row.user_id) == ("delivered", "redacted", ALICE)
    assert (row.card_ts, row.parent_ts) == (seen.delivery.card_ts, seen.delivery.parent_ts)
    file = the_file(scene)
    assert (file.content, file.thread_ts) == (REDACTED, seen.file.thread_ts)
    assert file.name == f"{CALL}-redacted.wav"
    assert {p.id for p in scene.every_visible_picture()} == {row.picture_file_id}
    message = the_card(scene, seen)
    assert "*Redacted* · in place of the unredacted one: " + words in str(message.blocks)
    assert offered(message)[Action.DELETE]["value"] == row.id
    audio = [r for r in scene.polyai.requests[requests:] if r.path.endswith("/audio")]
    assert {(r.key_kind, r.query["redacted"]) for r in audio} == {("plain", "true")}
    assert len(scene.workspace.ephemerals) == told, "nobody asked, so nobody is told"

    (taken_back,) = await scene.events("retention:file:taken_back")
    (asked,) = await scene.events(DOWNGRADED)
    assert taken_back.payload["cause"] == cause
    assert (asked.seq, asked.occurred_at) == (taken_back.seq + 1, taken_back.occurred_at)
    assert (asked.actor_id, asked.delivery_id) == ("system", row.id)
    assert asked.payload["replaces"] == seen.delivery.id


@pytest.mark.parametrize(("happens", "cause", "ends"), NOT_FOLLOWED)
async def test_raw_is_only_deleted_if_the_rules_allow_nothing(scene, happens, cause, ends):
    seen = await raw(scene)
    told = len(scene.workspace.ephemerals)

    await happens(scene, seen.file.id)

    if ends:
        row = await follower(scene, seen)
        assert [e.tag for e in await scene.audit(row.id)] == [
            DOWNGRADED,
            "policy:delivery:decided",
            ends,
        ]
    message = await card(scene, seen.delivery, "Fetch redacted instead")
    assert message == the_card(scene, seen)
    assert GONE in message.text
    assert offered(message)[Action.REDACTED_INSTEAD]["value"] == seen.delivery.id
    assert scene.every_visible_file() == scene.every_visible_picture() == []
    assert len(scene.workspace.ephemerals) == told
    (taken_back,) = await scene.events("retention:file:taken_back")
    assert taken_back.payload["cause"] == cause
    assert len(await scene.events(DOWNGRADED)) == bool(ends)


async def test_a_deleted_recording_is_not_replaced(new_scene):
    async with new_scene(timings=RARELY, environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        seen = await raw(scene)
        scene.slack.faults.add(Fault("files.delete", error="fatal_error", times=9))
        await somebody_uncleared_joins(scene, seen.file.id)
        await until(lambda: scene.workspace.called("files.delete"))
        message = the_card(scene, seen)
        await scene.people.block_action(
            BOSS, CHANNEL, message.ts, Action.DELETE.value, seen.delivery.id, ephemeral=False
        )
        scene.slack.faults.clear()
        await tell(scene)

        await card(scene, seen.delivery, "deleted from Slack by")
        assert len(await scene.deliveries()) == 1
        assert scene.every_visible_file() == []


async def test_an_allow_listed_shared_channel_gets_the_redacted_variant(new_scene):
    environment = {"CALLAUDIO_EXTERNAL_CHANNELS": CHANNEL}
    async with new_scene(timings=RARELY, environment=environment) as scene:
        seen = await raw(scene)
        told = len(scene.workspace.ephemerals)
        await channel_is_shared(scene, seen.file.id)

        row = await follower(scene, seen)
        assert (row.state, row.reason) == ("delivered", "external_destination")
        assert the_file(scene).content == REDACTED
        assert len(scene.workspace.ephemerals) == told


async def test_the_replacement_is_redacted_even_if_raw_is_allowed_again(scene):
    seen = await raw(scene)
    scene.slack.faults.add(Fault("files.delete", when="after", hang=True))
    await somebody_uncleared_joins(scene, seen.file.id)
    await scene.slack.faults.reached("files.delete")
    scene.workspace.leave(CHANNEL, BOB)
    scene.slack.faults.release("files.delete")

    row = await follower(scene, seen)
    assert (row.state, row.reason) == ("delivered", "asked")
    assert the_file(scene).content == REDACTED


async def test_a_transcript_is_not_replaced(scene):
    seen = await raw(scene)
    message = await card(scene, seen.delivery, "*Unredacted*")
    value = str(offered(message)[Action.TRANSCRIPT]["value"])
    await scene.people.block_action(
        ALICE, CHANNEL, message.ts, Action.TRANSCRIPT.value, value, ephemeral=False
    )
    transcript = await scene.ended(await scene.latest())
    await somebody_uncleared_joins(scene, seen.file.id)

    await card(scene, transcript, "can no longer be read in Slack")
    found = await until(lambda: has_followers(scene))
    assert [each.replaces_id for each in found] == [seen.delivery.id]


async def has_followers(scene: Scene) -> list[DeliveryRow]:
    return [each for each in await scene.deliveries() if each.replaces_id]


async def test_while_frozen_raw_is_deleted_and_the_redacted_variant_is_offered(scene):
    seen = await raw(scene)
    database, now = scene.database, utc_now()
    async with database.write() as session:
        session.add(
            CanaryRow(
                conversation="CA",
                team_id=scene.workspace.team_id,
                checked_at=now,
                verdict="broken",
                frozen_at=now,
            )
        )
    assert (await CanaryStore(database=database, clock=utc_now).read())[0].frozen_at
    await somebody_uncleared_joins(scene, seen.file.id)

    row = await follower(scene, seen)
    assert (row.state, row.error_code) == ("failed", "deliveries_frozen")
    await card(scene, seen.delivery, "Fetch redacted instead")
    assert scene.every_visible_file() == []


async def test_a_replacement_that_differs_from_raw_is_not_shared(new_scene):
    environment = {"CALLAUDIO_CHECK_REDACTION": "deliver"}
    async with new_scene(timings=RARELY, environment=environment) as scene:
        await scene.grant()
        seen = await scene.ask(scene.another_call(recording=leaking()))
        await somebody_uncleared_joins(scene, seen.file.id)

        row = await follower(scene, seen)
        assert (row.state, row.error_code) == ("failed", "redaction_differs")
        await card(scene, seen.delivery, "Fetch redacted instead")
        assert scene.every_visible_file() == []


async def test_a_replacement_that_waits_for_polyai_says_so_on_the_card_and_arrives_later(scene):
    seen = await raw(scene)
    scene.polyai.faults.add(Fault("audio", status=503, times=2))
    await somebody_uncleared_joins(scene, seen.file.id)

    row = await follower(scene, seen)
    assert row.state == "delivered"
    assert the_file(scene).content == REDACTED
    assert "in place of the unredacted one" in str(the_card(scene, seen).blocks)


async def test_a_refused_card_update_does_not_delay_the_replacement(scene):
    seen = await raw(scene)
    scene.slack.faults.add(Fault("chat.update", error="cant_update_message", times=1))
    await somebody_uncleared_joins(scene, seen.file.id)

    assert (await follower(scene, seen)).state == "delivered"
    assert "in place of the unredacted one" in str(the_card(scene, seen).blocks)


async def test_with_downgrading_off_the_redacted_variant_is_offered(new_scene):
    async with new_scene(timings=RARELY, environment={"CALLAUDIO_DOWNGRADE": "off"}) as scene:
        seen = await raw(scene)
        await somebody_uncleared_joins(scene, seen.file.id)

        message = await card(scene, seen.delivery, "Fetch redacted instead")
        assert GONE in message.text
        assert len(await scene.deliveries()) == 1
        assert await scene.events(DOWNGRADED) == []


async def test_a_replacement_can_be_deleted(scene):
    seen = await raw(scene)
    await somebody_uncleared_joins(scene, seen.file.id)
    row = await follower(scene, seen)
    message = the_card(scene, seen)
    await scene.people.block_action(
        ALICE, CHANNEL, message.ts, Action.DELETE.value, row.id, ephemeral=False
    )

    await card(scene, row, f"deleted from Slack by <@{ALICE}>")
    assert scene.every_visible_file() == []
    assert len(await scene.deliveries()) == 2
