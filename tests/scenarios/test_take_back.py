"""Raw recordings are taken back when a right or the retention ends."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.grants import Effect
from bot.sandbox.faults import Fault
from bot.sandbox.objects import Message
from bot.slack.identifiers import Action
from bot.store.tables import AuditEventRow
from tests.polling import DEADLINE_SECONDS, until
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

    async def events() -> list[AuditEventRow]:
        return await scene.events("retention:file:taken_back")

    (event,) = await until(events)
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


@postgresql_at_length
async def test_a_revoked_right_takes_the_file_back_and_the_card_says_so(scene):
    seen = await raw(scene)

    await scene.rule(f"revoke <@{ALICE}> pii")

    await gone(scene)
    assert await cause(scene) == "right_ended"
    message = await parent(scene, "The unredacted recording can no longer be heard in Slack")
    assert "it may no longer be heard here" in str(message.blocks)
    assert [file.deleted for file in scene.workspace.files] == [True, True]
    assert {file.id for file in scene.workspace.files} == {
        seen.delivery.file_id,
        seen.delivery.picture_file_id,
    }
    assert scene.workspace.violations == []


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


@postgresql_at_length
async def test_a_deny_takes_the_file_back(scene):
    await raw(scene)
    await scene.rule(f"deny <@{ALICE}> pii left")

    await gone(scene)
    assert await cause(scene) == "right_ended"


@postgresql_at_length
async def test_a_person_who_joins_and_is_not_cleared_takes_the_file_back(scene):
    await raw(scene)
    scene.workspace.join(CHANNEL, BOB)
    await tell(scene, type="member_joined_channel", channel=CHANNEL, user=BOB)

    await gone(scene)
    assert await cause(scene) == "audience"


async def test_a_cleared_person_or_a_bot_who_joins_changes_nothing(scene):
    await scene.grant(BOB)
    scene.workspace.add_user("U0BOTBOT0", is_bot=True)
    await raw(scene)
    for user in (BOB, "U0BOTBOT0"):
        scene.workspace.join(CHANNEL, user)
        await tell(scene, type="member_joined_channel", channel=CHANNEL, user=user)

    await scene.rest()
    assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


@postgresql_at_length
async def test_a_listener_who_loses_their_right_takes_the_file_back(scene):
    await scene.grant(BOB)
    scene.workspace.join(CHANNEL, BOB)
    await raw(scene)
    await scene.rule(f"revoke <@{BOB}> pii")

    await gone(scene)
    assert await cause(scene) == "audience"


@postgresql_at_length
async def test_sharing_the_channel_takes_the_file_back(scene):
    await raw(scene)
    scene.workspace.change_channel(CHANNEL, is_ext_shared=True)
    await tell(scene, type="channel_shared", channel=CHANNEL, connected_team_id="T0OTHER000")

    await gone(scene)
    assert await cause(scene) == "external"


@postgresql_at_length
async def test_a_channel_that_got_another_id_is_followed(scene):
    seen = await raw(scene)
    scene.workspace.change_channel_id(CHANNEL, "C0QUALITY1")
    for _ in range(2):  # Slack may send the event twice
        await tell(
            scene, type="channel_id_changed", old_channel_id=CHANNEL, new_channel_id="C0QUALITY1"
        )

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


async def test_a_channel_without_recordings_may_have_any_id(scene):
    await tell(
        scene, type="channel_id_changed", old_channel_id="C0EMPTY000", new_channel_id="C0EMPTY001"
    )
    assert "slack:channel:moved" not in await scene.tags()


@postgresql_at_length
async def test_the_end_of_retention_takes_the_file_back(scene):
    seen = await raw(scene)
    assert "· deletes <!date" in str((await parent(scene, "Recording of")).blocks)
    await scene.move_back(seen.delivery.id, timedelta(hours=25))

    await tell(scene, type="member_joined_channel", channel=CHANNEL, user=ALICE)

    await gone(scene)
    assert await cause(scene) == "time_over"


async def test_without_a_retention_time_the_file_stays(new_scene):
    async with new_scene(timings=RARELY, environment={"CALLAUDIO_RAW_TTL_HOURS": "0"}) as scene:
        await scene.grant()
        seen = await raw(scene)
        assert "· deletes <!date" not in str((await parent(scene, "Recording of")).blocks)
        await scene.move_back(seen.delivery.id, timedelta(days=999))
        await tell(scene, type="member_joined_channel", channel=CHANNEL, user=ALICE)

        await scene.rest()
        assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


async def test_an_expired_right_takes_the_file_back_without_an_event(new_scene):
    async with new_scene(timings=EVERY) as scene:
        await scene.grant(lasting=timedelta(hours=8))
        await raw(scene)
        await scene.let_grants_expire()

        await gone(scene)
        assert await cause(scene) in LOST


async def test_a_missed_event_only_causes_a_delay(new_scene):
    async with new_scene(timings=EVERY) as scene:
        await scene.grant()
        await raw(scene)
        scene.workspace.join(CHANNEL, BOB)

        await gone(scene)
        assert await cause(scene) == "audience"


async def test_a_channel_made_public_takes_the_file_back_without_an_event(new_scene):
    async with new_scene(timings=EVERY) as scene:
        await scene.grant()
        await raw(scene)
        scene.workspace.change_channel(CHANNEL, is_private=False)

        await gone(scene)
        assert await cause(scene) == "public"
        message = await parent(scene, "The unredacted recording can no longer be heard in Slack")
        assert "this is a public channel" in message.text


async def test_a_channel_about_to_be_shared_takes_the_file_back_without_an_event(new_scene):
    async with new_scene(timings=EVERY) as scene:
        await scene.grant()
        await raw(scene)
        scene.workspace.change_channel(CHANNEL, is_pending_ext_shared=True)

        await gone(scene)
        assert await cause(scene) == "external"


async def test_under_the_requester_rule_the_channel_may_be_public(new_scene):
    async with new_scene(timings=EVERY, environment={"CALLAUDIO_AUDIENCE": "requester"}) as scene:
        await scene.grant()
        scene.workspace.change_channel(CHANNEL, is_private=False)
        await raw(scene)
        looks = len(scene.workspace.called("conversations.info"))
        await until(lambda: len(scene.workspace.called("conversations.info")) > looks + 2)

        assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


async def test_under_the_requester_rule_a_joining_person_changes_nothing(new_scene):
    environment = {"CALLAUDIO_AUDIENCE": "requester"}
    async with new_scene(timings=RARELY, environment=environment) as scene:
        await scene.grant()
        await raw(scene)
        scene.workspace.join(CHANNEL, BOB)
        await tell(scene, type="member_joined_channel", channel=CHANNEL, user=BOB)

        await scene.rest()
        assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


async def test_a_refused_deletion_is_retried_and_reported_once(new_scene):
    async with new_scene(timings=EVERY) as scene:
        await scene.grant()
        await raw(scene)
        scene.slack.faults.add(Fault(route="files.delete", error="file_deleting_disabled", times=1))
        await scene.grant(effect=Effect.DENY)

        await gone(scene)
        assert await cause(scene) in LOST
        deleted = [call.arguments["file"] for call in scene.workspace.called("files.delete")]
        assert deleted == [file.id for file in scene.workspace.files] * 2


async def test_one_missing_answer_deletes_nothing(new_scene):
    async with new_scene(timings=EVERY) as scene:
        await scene.grant()
        seen = await raw(scene)
        scene.slack.faults.add(Fault(route="conversations.info", error="fatal_error", times=4))

        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (await scene.row(seen.delivery.id)).unverified_since:
                await asyncio.sleep(0.02)
            while (await scene.row(seen.delivery.id)).unverified_since:
                await asyncio.sleep(0.02)
        assert len(scene.workspace.visible_recordings(CHANNEL)) == 1


@postgresql_at_length
async def test_the_card_offers_the_redacted_variant_instead(scene):
    seen = await raw(scene)
    scene.workspace.join(CHANNEL, BOB)
    await tell(scene, type="member_joined_channel", channel=CHANNEL, user=BOB)
    await gone(scene)
    message = await parent(scene, "The unredacted recording can no longer be heard in Slack")

    await scene.people.block_action(
        BOB, CHANNEL, message.ts, Action.REDACTED_INSTEAD.value, seen.delivery.id, ephemeral=False
    )

    await until(lambda: scene.workspace.visible_recordings(CHANNEL))
    (file,) = scene.workspace.visible_recordings(CHANNEL)
    assert file.name == f"{CALL}-redacted.wav"
    assert file.thread_ts == message.ts
    assert {r.key_kind for r in scene.polyai.requests if "redacted=true" in str(r.query)} <= {
        "plain"
    }


async def test_a_redacted_recording_is_never_taken_back(new_scene):
    async with new_scene(timings=EVERY) as scene:
        seen = await scene.ask()
        scene.workspace.change_channel(CHANNEL, is_ext_shared=True)
        await tell(scene, type="channel_shared", channel=CHANNEL)
        await asyncio.sleep(1.5)

        assert len(scene.workspace.visible_recordings(CHANNEL)) == 1
        assert (await scene.row(seen.delivery.id)).recheck_at is None


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
