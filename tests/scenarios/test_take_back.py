"""Raw recordings are taken back when a right or the retention ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.sandbox.faults import Fault
from bot.sandbox.objects import Message
from tests.polling import until
from tests.scenarios.conftest import WATCHFUL, OpenScene, postgresql_at_length
from tests.scenarios.scene import ALICE, BOB, BOSS, CALL, CHANNEL, Scene, Seen
from tests.tcp_relay import DatabaseRelay

# A right may end between the two moments at which one look reads it: once as the requester's, once
# as a listener's.
LOST = ("right_ended", "audience")
EVERY = replace(WATCHFUL, check_every=timedelta(seconds=1))
RARELY = replace(WATCHFUL, check_every=timedelta(hours=1))


pytestmark = [pytest.mark.watchful, pytest.mark.only_taken_back]


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """Periodic checks are an hour apart here, so anything sooner is caused by an event."""
    async with new_scene(timings=RARELY, environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        await scene.grant()
        yield scene


async def raw(scene: Scene) -> Seen:
    seen = await scene.ask()
    assert seen.delivery.outcome == "raw"
    await scene.rest()
    return seen


async def gone(scene: Scene, channel: str = CHANNEL) -> None:
    await until(lambda: not scene.workspace.visible_files(channel))


async def cause(scene: Scene) -> str:
    """Return the cause in the one audit event of a file taken back."""
    (event,) = await until(lambda: scene.events("retention:file:taken_back"))
    return str(event.payload["cause"])


async def parent(scene: Scene, words: str) -> Message:
    def look() -> Message | None:
        (message,) = [
            m for m in scene.workspace.messages(CHANNEL) if not m.thread_ts or m.ts == m.thread_ts
        ]
        return message if words in message.text else None

    return await until(look)


async def tell(scene: Scene, **event: object) -> None:
    assert (await scene.people.event(event)).status == 200


async def tell_that_joined(scene: Scene, user: str) -> None:
    scene.workspace.join(CHANNEL, user)
    await tell(scene, type="member_joined_channel", channel=CHANNEL, user=user)


@postgresql_at_length
@pytest.mark.parametrize("text", [f"revoke <@{ALICE}> pii", f"deny <@{ALICE}> pii left"])
async def test_a_right_that_an_admin_ends_takes_the_file_back_and_the_card_says_so(scene, text):
    """What happens in the channel, and the end of retention: test_downgrade.py."""
    seen = await raw(scene)
    assert "· deletes <!date" in str((await parent(scene, "Recording of")).blocks)

    await scene.rule(text)

    await gone(scene)
    assert await cause(scene) == "right_ended"
    message = await parent(scene, "The unredacted recording can no longer be heard in Slack")
    assert "it may no longer be heard here" in str(message.blocks)
    assert [file.deleted for file in scene.workspace.files] == [True, True]
    assert {file.id for file in scene.workspace.files} == {
        seen.delivery.file_id,
        seen.delivery.picture_file_id,
    }


@postgresql_at_length
async def test_a_listener_who_loses_their_right_takes_the_file_back(scene):
    await scene.grant(BOB)
    scene.workspace.join(CHANNEL, BOB)
    await raw(scene)
    await scene.rule(f"revoke <@{BOB}> pii")

    await gone(scene)
    assert await cause(scene) == "audience"


async def test_a_revocation_with_an_unanswered_commit_takes_the_file_back_at_once(
    new_scene, migrated_postgresql
):
    async with (
        DatabaseRelay(migrated_postgresql()) as relay,
        new_scene(
            timings=RARELY, environment={"CALLAUDIO_ADMINS": BOSS}, database_url=relay.url
        ) as scene,
    ):
        await scene.grant()
        await raw(scene)
        relay.loses_commit_of = b"revoked_by="

        text = f"revoke <@{ALICE}> pii"
        ack = await scene.rule(text)

        assert "may not be stored" in ack.text
        await gone(scene)
        assert await cause(scene) == "right_ended"


async def test_a_cleared_person_or_a_bot_who_joins_changes_nothing(scene):
    await scene.grant(BOB)
    scene.workspace.add_user("U0BOTBOT0", is_bot=True)
    await raw(scene)
    for user in (BOB, "U0BOTBOT0"):
        await tell_that_joined(scene, user)

    await scene.rest()
    assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


@postgresql_at_length
async def test_a_channel_that_got_another_id_is_followed(scene):
    seen = await raw(scene)
    scene.workspace.change_channel_id(CHANNEL, "C0QUALITY1")
    # Slack may send the event twice, and one about a channel without recordings.
    for old, new in [(CHANNEL, "C0QUALITY1")] * 2 + [("C0EMPTY000", "C0EMPTY001")]:
        await tell(scene, type="channel_id_changed", old_channel_id=old, new_channel_id=new)

    row = await scene.row(seen.delivery.id)
    assert row.destination_channel_id == "C0QUALITY1"
    assert (await scene.tags()).count("slack:channel:moved") == 1
    scene.workspace.join("C0QUALITY1", BOB)
    await tell(scene, type="member_joined_channel", channel="C0QUALITY1", user=BOB)

    await gone(scene, "C0QUALITY1")
    assert await cause(scene) == "audience"
    assert {file.id for file in scene.workspace.files if file.deleted} == {
        seen.delivery.file_id,
        seen.delivery.picture_file_id,
    }


async def test_without_a_retention_time_the_file_stays(new_scene):
    async with new_scene(timings=RARELY, environment={"CALLAUDIO_RAW_TTL_HOURS": "0"}) as scene:
        await scene.grant()
        seen = await raw(scene)
        assert "· deletes <!date" not in str((await parent(scene, "Recording of")).blocks)
        await scene.move_back(seen.delivery.id, timedelta(days=999))
        await tell_that_joined(scene, ALICE)

        await scene.rest()
        assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


async def expire(scene: Scene) -> None:
    await scene.let_grants_expire()


async def let_bob_in(scene: Scene) -> None:
    scene.workspace.join(CHANNEL, BOB)


async def make_public(scene: Scene) -> None:
    scene.workspace.change_channel(CHANNEL, is_private=False)


async def offer_to_others(scene: Scene) -> None:
    scene.workspace.change_channel(CHANNEL, is_pending_ext_shared=True)


@pytest.mark.parametrize(
    ("change", "causes", "words"),
    [
        (expire, LOST, ""),
        (let_bob_in, ["audience"], "who can hear it changed"),
        (make_public, ["public"], "this is a public channel"),
        pytest.param(offer_to_others, ["external"], "", marks=pytest.mark.long),
    ],
)
async def test_a_missed_event_only_causes_a_delay(new_scene, change, causes, words):
    async with new_scene(timings=EVERY) as scene:
        await scene.grant()
        await raw(scene)
        await change(scene)

        await gone(scene)
        assert await cause(scene) in causes
        message = await parent(scene, "The unredacted recording can no longer be heard in Slack")
        assert words in message.text


async def test_under_the_requester_rule_the_channel_may_be_public_and_anybody_may_join(new_scene):
    async with new_scene(timings=EVERY, environment={"CALLAUDIO_AUDIENCE": "requester"}) as scene:
        await scene.grant()
        scene.workspace.change_channel(CHANNEL, is_private=False)
        await raw(scene)
        await tell_that_joined(scene, BOB)
        looks = len(scene.workspace.called("conversations.info"))
        await until(lambda: len(scene.workspace.called("conversations.info")) > looks + 2)

        assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


async def test_with_the_token_of_another_app_no_file_counts_as_taken_back(new_scene):
    async with new_scene(timings=EVERY, environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        await scene.grant()
        seen = await raw(scene)
        # The other app is not in the private channel, and sees neither it nor the file.
        scene.slack.faults.add(Fault("files.delete", error="file_not_found", times=1000))
        scene.slack.faults.add(Fault("conversations.info", error="channel_not_found", times=1000))

        revoke = f"revoke <@{ALICE}> pii"
        await scene.rule(revoke)
        # A second round begins only after the first has ended.
        await until(
            lambda: (
                len(scene.workspace.called("files.delete")) > len(seen.files) + len(seen.pictures)
            )
        )

        assert scene.workspace.visible_files(CHANNEL)
        assert (await scene.row(seen.delivery.id)).taken_back_at is None
        assert "*Unredacted*" in str((await parent(scene, CALL)).blocks)
        assert "retention:file:taken_back" not in await scene.tags()

        scene.slack.faults.clear()
        await gone(scene)
        assert await cause(scene) in LOST
