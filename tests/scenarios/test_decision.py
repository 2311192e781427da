"""The rows of the decision, each through a signed command, up to the bytes that arrive.

What changes during a delivery is in test_changed_meanwhile.py.
"""

import json
from datetime import timedelta
from typing import Any

from bot.access.grants import Effect, Right
from bot.sandbox.faults import Fault
from tests.scenarios.scene import (
    ALICE,
    BOB,
    CALL,
    CHANNEL,
    DELIVERED_TAGS,
    RAW_SPAN,
    WHY,
    assert_failed,
    assert_raw,
    assert_redacted,
    assert_refused,
)

CAROL = "U0CAROL00"
GUEST = "U0GUEST00"
ELSEWHERE = "C0ELSEWHERE"
OWN_DM = f"D{ALICE[1:]}"


# ---- row 1: who may request recordings


async def test_row_1_people_of_other_standings_get_nothing_despite_grants(scene, subtests):
    people: dict[str, dict[str, object] | None] = {
        "U0STRANGER": {"is_stranger": True},
        "U0MACHINE": {"is_bot": True},
        "U0LEFT000": {"deleted": True},
        "U0FLAGLESS": {"omit": {"is_bot"}},
        "U0FLAGLESS2": {"omit": {"is_restricted"}},
        "U0FLAGLESS3": {"omit": {"deleted"}},
        "U0FLAGLESS4": {"omit": {"team_id"}},
        "U0NOWHERE": None,
    }
    for user_id, standing in people.items():
        if standing is not None:
            scene.workspace.add_user(user_id, **standing)
        scene.workspace.join(CHANNEL, user_id)
        await scene.grant(user_id)

    for user_id, standing in people.items():
        with subtests.test(standing):
            assert_refused(await scene.ask(user=user_id), "requester_not_allowed")

    assert scene.workspace.files == []
    assert scene.workspace.violations == []


async def test_row_1_a_guest_needs_a_grant_by_name(scene, subtests):
    await scene.grant()
    for kind in ("is_restricted", "is_ultra_restricted"):
        with subtests.test(kind):
            guest = f"U0GUEST{len(kind)}"
            scene.workspace.add_user(guest, **{kind: True})
            scene.workspace.join(CHANNEL, guest)
            assert_refused(await scene.ask(user=guest), "requester_not_allowed")

            await scene.grant(guest)
            again = scene.another_call()
            assert_raw(await scene.ask(again, user=guest), again)


# ---- row 2: in the destination


async def test_row_2_only_members_of_the_destination_can_have_recordings_posted_there(scene):
    await scene.grant()
    scene.workspace.add_channel(ELSEWHERE, members=[BOB])
    scene.workspace.add_channel("D0BOB0000", members=[BOB], is_im=True)

    assert_refused(await scene.ask(f"{CALL} {ELSEWHERE}"), "requester_not_in_destination")
    # Another person's direct messages with the bot are a destination like any other.
    assert_refused(await scene.ask(f"{CALL} D0BOB0000"), "requester_not_in_destination")


async def test_rows_1_to_3_unknown_facts_count_against_the_requester(scene, subtests):
    await scene.grant()
    untold = {
        "requester_not_allowed": Fault("users.info", error="user_not_visible"),
        "requester_not_in_destination": Fault("conversations.members", error="access_denied"),
        "external_destination": Fault("conversations.info", error="team_access_not_granted"),
    }
    for reason, fault in untold.items():
        with subtests.test(reason):
            scene.slack.faults.add(fault)
            assert_refused(await scene.ask(scene.another_call()), reason)


async def test_a_malformed_call_to_slack_is_reported_as_our_mistake(scene, subtests):
    await scene.grant()
    for fault in (
        Fault("conversations.members", error="invalid_limit"),
        Fault("conversations.members", error="invalid_cursor"),
        Fault("users.info", error="invalid_arguments"),
    ):
        with subtests.test(fault.error):
            scene.slack.faults.add(fault)

            seen = await scene.ask(scene.another_call())

            assert_failed(seen, "slack_call_invalid", "did not expect")
            assert not [why for why in WHY.values() if why in seen.told]
            assert seen.audio_requests == []


async def test_members_with_a_repeating_cursor_are_unknown_and_raw_is_not_posted(scene):
    await scene.grant()
    page = {"ok": True, "members": [ALICE], "response_metadata": {"next_cursor": "again"}}
    json_type = {"Content-Type": "application/json"}
    scene.slack.faults.add(
        Fault("conversations.members", body=json.dumps(page).encode(), headers=json_type, times=500)
    )

    assert_redacted(await scene.ask(), "audience")

    # The requester is on the first page; the other listeners are read twice, before and after.
    assert len(scene.workspace.called("conversations.members")) <= 8


# ---- row 3: shared, or possibly shared


async def test_row_3_nothing_is_posted_in_an_external_or_possibly_external_channel(scene, subtests):
    await scene.grant()
    channels: tuple[dict[str, object], ...] = (
        {"is_ext_shared": True},
        {"is_pending_ext_shared": True},
        {"omit": {"is_ext_shared"}},
        {"omit": {"is_pending_ext_shared"}},
    )
    for channel in channels:
        with subtests.test(channel):
            scene.workspace.add_channel(CHANNEL, members=[ALICE], **channel)
            call = scene.another_call()
            assert_refused(await scene.ask(call), "external_destination")
            # Redacted is not allowed either.
            assert_refused(await scene.ask(f"{call} redacted"), "external_destination")


# ---- row 4: shared, and on the allow-list


async def test_row_4_an_allow_listed_shared_channel_gets_redacted_even_for_a_cleared_requester(
    new_scene,
):
    async with new_scene(environment={"CALLAUDIO_EXTERNAL_CHANNELS": CHANNEL}) as scene:
        await scene.grant()
        scene.workspace.change_channel(CHANNEL, is_ext_shared=True)
        assert_redacted(await scene.ask(), "external_destination")

        call = scene.another_call()
        scene.workspace.add_channel(
            CHANNEL, members=[ALICE], omit={"is_ext_shared"}, is_private=True
        )
        assert_redacted(await scene.ask(call), "external_destination", call)

        # The list only adds permissions to a channel.
        call = scene.another_call()
        scene.workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
        assert_raw(await scene.ask(call), call)

        # It concerns one channel.
        scene.workspace.add_channel(ELSEWHERE, members=[ALICE], is_ext_shared=True)
        assert_refused(await scene.ask(f"{CALL} {ELSEWHERE}"), "external_destination")


# ---- row 5: redacted was requested


async def test_row_5_a_request_for_redacted_gets_redacted_without_an_explanation(scene):
    await scene.grant()

    assert_redacted(await scene.ask(f"{CALL} redacted"), "asked")


# ---- row 6: the requester's own right


async def test_row_6_a_requester_who_is_not_cleared_gets_redacted(scene, subtests):
    deny = {"effect": Effect.DENY}
    holdings: dict[str, tuple[dict[str, Any], ...]] = {
        "nothing": (),
        "an admin's right": ({"right": Right.ADMIN},),
        "one that expired": ({"lasting": timedelta(microseconds=1)},),
        "one that has not begun": ({"starts_in": timedelta(hours=1)},),
        "one that was revoked": ({},),
        "one that was denied": ({}, deny),
        "one given after a denial": (deny, {}),
        "one of another workspace": ({"team_id": "T0OTHER00"},),
    }
    for number, (holding, grants) in enumerate(holdings.items()):
        with subtests.test(holding):
            user_id = f"U0PERSON{number}"
            scene.workspace.add_user(user_id)
            scene.workspace.join(CHANNEL, user_id)
            for grant in grants:
                await scene.grant(user_id, **grant)
            if holding == "one that was revoked":
                await scene.end_right(user_id)

            seen = await scene.ask(user=user_id)

            assert_redacted(seen, "not_cleared")
            # Direct messages would not change it; a right would.
            assert [b["text"]["text"] for b in seen.buttons] == ["Request access"]
    assert all(RAW_SPAN not in file.content for file in scene.workspace.recordings)


# ---- row 7: the raw key


async def test_row_7_without_a_raw_key_everybody_gets_redacted(new_scene):
    environment = {"POLYAI_PII_API_KEY": "", "CALLAUDIO_AUDIENCE": "requester"}
    async with new_scene(environment=environment) as scene:
        await scene.grant()

        assert_redacted(await scene.ask(), "no_raw_key")


# ---- row 8: the audience


async def test_row_8_one_human_listener_who_is_not_cleared_makes_it_redacted(scene):
    await scene.grant()
    await scene.grant(CAROL)
    scene.workspace.add_user(CAROL)
    scene.workspace.add_user(GUEST, is_restricted=True)
    scene.workspace.join(CHANNEL, CAROL)
    uncleared = {
        BOB: {},
        GUEST: {"is_restricted": True},
        "U0OTHERTEAM": {"team_id": "T0OTHER00"},
        "U0LEFT000": {"deleted": True},
        "U0FLAGLESS": {"omit": {"is_bot"}},
        "U0NOWHERE": None,
    }
    for user_id, standing in uncleared.items():
        if standing is not None:
            scene.workspace.add_user(user_id, **standing)
        scene.workspace.join(CHANNEL, user_id)
        call = scene.another_call()

        seen = await scene.ask(call)

        assert_redacted(seen, "audience", call)
        assert [b["text"]["text"] for b in seen.buttons] == [
            "Send the unredacted recording to my direct messages"
        ]
        scene.workspace.leave(CHANNEL, user_id)

    call = scene.another_call()
    assert_raw(await scene.ask(call), call)


async def test_row_8_unknown_listeners_count_as_not_cleared(scene, subtests):
    await scene.grant()
    for number, error in enumerate(("user_not_visible", "missing_scope")):
        with subtests.test(error):
            machine = f"U0MACHINE{number}"  # nobody would object, if Slack answered
            scene.workspace.add_user(machine, is_bot=True)
            scene.workspace.join(CHANNEL, machine)
            scene.slack.faults.add(Fault("users.info"))  # the requester
            scene.slack.faults.add(Fault("users.info", error=error))
            call = scene.another_call()
            assert_redacted(await scene.ask(call), "audience", call)


async def test_row_8_an_audience_above_the_limit_makes_it_redacted(new_scene):
    async with new_scene(environment={"CALLAUDIO_MAX_AUDIENCE": "2"}) as scene:
        await scene.grant()
        await scene.grant(CAROL)
        scene.workspace.add_user(CAROL)
        assert_raw(await scene.ask())  # Alice and the bot: two

        scene.workspace.join(CHANNEL, CAROL)
        call = scene.another_call()
        assert_redacted(await scene.ask(call), "audience", call)

        # If Slack does not return the size, the list gives it.
        scene.workspace.change_channel(CHANNEL, omit=frozenset({"num_members"}))
        call = scene.another_call()
        assert_redacted(await scene.ask(call), "audience", call)


async def test_row_8_a_public_channel_makes_it_redacted_although_its_members_are_cleared(scene):
    await scene.grant()
    scene.workspace.change_channel(CHANNEL, is_private=False)

    seen = await scene.ask()

    assert_redacted(seen, "audience", why="public")
    assert "this is a public channel" in str(seen.card.blocks)
    # One page, read twice, for the requester's membership; other members are not looked up.
    assert len(scene.workspace.called("conversations.members")) == 2

    in_dm = await scene.press(seen.buttons[0], seen.note)
    assert in_dm.delivery.outcome == "raw"


async def test_row_8_a_channel_not_known_to_be_private_counts_as_public(scene):
    await scene.grant()
    scene.workspace.change_channel(CHANNEL, omit=frozenset({"is_private"}))
    assert_redacted(await scene.ask(), "audience")


async def test_row_8_a_group_message_is_private(scene):
    await scene.grant()
    group = "C0GROUPDM0"
    scene.workspace.add_channel(group, members=[ALICE], is_mpim=True, omit={"is_private"})
    assert_raw(await scene.ask(channel=group))


async def test_row_8_bots_are_not_listeners_and_are_looked_up_once(scene):
    await scene.grant()
    for user_id in ("U0MACHINE", "U0MACHINE2"):
        scene.workspace.add_user(user_id, is_bot=True)
        scene.workspace.join(CHANNEL, user_id)

    assert_raw(await scene.ask())

    asked_after = [call.arguments["user"] for call in scene.workspace.called("users.info")]
    assert asked_after.count("U0MACHINE") == 1


async def test_row_8_direct_messages_with_the_bot_have_an_audience_of_one(scene):
    await scene.grant()
    scene.workspace.add_channel(OWN_DM, members=[ALICE], is_im=True)

    assert_raw(await scene.ask(channel=OWN_DM))

    call = scene.another_call()
    scene.workspace.add_channel("D0BOB0000", members=[BOB], is_im=True)
    seen = await scene.ask(call, user=BOB, channel="D0BOB0000")
    assert_redacted(seen, "not_cleared", call)


# ---- the button of row 8


async def test_the_button_sends_raw_to_the_requesters_direct_messages(scene):
    await scene.grant()
    scene.workspace.join(CHANNEL, BOB)
    first = await scene.ask()
    (button,) = first.buttons

    seen = await scene.press(button, first.note)

    assert seen.delivery.source == "button"
    assert seen.file.channel == OWN_DM
    assert scene.workspace.channels[OWN_DM].members == (ALICE,)
    assert seen.file.content != first.file.content
    assert RAW_SPAN in seen.file.content
    assert seen.file.name == f"{CALL}-raw.wav"
    assert [r.key_kind for r in seen.audio_requests] == ["raw"] * len(seen.audio_requests)
    assert {m.channel for m in seen.posted} == {OWN_DM}
    assert all(RAW_SPAN not in f.content for f in scene.workspace.visible_recordings(CHANNEL))
    assert seen.delivery.id != first.delivery.id
    assert seen.tags == DELIVERED_TAGS

    # Two presses within ten seconds send it once.
    twin = await scene.press(button, first.note)
    assert twin.delivery.id == seen.delivery.id
    assert (twin.posted, twin.files, twin.requests) == ([], [], [])
    assert len(await scene.deliveries()) == 2


async def test_the_button_works_for_the_requester_only(scene):
    await scene.grant()
    await scene.grant(CAROL)  # cleared, but not the requester of that note
    scene.workspace.add_user(CAROL)
    scene.workspace.join(CHANNEL, CAROL)
    scene.workspace.join(CHANNEL, BOB)
    first = await scene.ask()
    (button,) = first.buttons
    before = len(scene.polyai.requests)

    for user, value in ((CAROL, button["value"]), (BOB, button["value"]), (ALICE, "dnothing")):
        ack = await scene.use({**button, "value": value}, first.note, user=user)
        assert ack.status == 200
        told = scene.workspace.ephemerals[-1]
        assert (told.user, told.via) == (user, "response_url")
        assert "belongs to somebody else" in told.text

    assert len(await scene.deliveries()) == 1
    assert len(scene.polyai.requests) == before
    assert [f.id for f in scene.every_visible_file()] == [first.file.id]


async def test_the_button_does_not_restore_an_ended_right(scene):
    await scene.grant()
    scene.workspace.join(CHANNEL, BOB)
    first = await scene.ask()
    (button,) = first.buttons
    await scene.grant(effect=Effect.DENY)

    seen = await scene.press(button, first.note)

    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "not_cleared")
    assert seen.file.channel == OWN_DM
    assert RAW_SPAN not in seen.file.content
    assert all(RAW_SPAN not in file.content for file in scene.workspace.recordings)
    assert "you are not cleared" in seen.note.text


# ---- row 9: everyone is cleared


async def test_row_9_a_cleared_person_among_cleared_listeners_hears_raw(scene):
    await scene.grant()
    for user_id in (CAROL, GUEST):
        scene.workspace.add_user(user_id, is_restricted=user_id == GUEST)
        scene.workspace.join(CHANNEL, user_id)
        await scene.grant(user_id, lasting=timedelta(hours=8))
    # Other workspaces of the same organisation are not external.
    scene.workspace.change_channel(CHANNEL, is_org_shared=True)

    seen = await scene.ask()

    assert_raw(seen)
    assert len(scene.workspace.recordings) == 1
    assert scene.workspace.violations == []
    requested, decided, *_, delivered = seen.audit
    assert (requested.actor_id, requested.payload["conversation_id"]) == (ALICE, CALL)
    told = {"outcome": "raw", "reason": "cleared", "held": "by_name", "audience": "cleared"}
    assert told.items() <= decided.payload.items()
    assert delivered.payload == {
        "outcome": "raw",
        "reason": "cleared",
        "conversation_id": CALL,
        "channel_id": CHANNEL,
        "thread_ts": seen.posted[0].ts,
        "file_id": seen.file.id,
        "size_bytes": len(seen.file.content),
    }
    assert {event.team_id for event in seen.audit} == {scene.workspace.team_id}


# ---- CALLAUDIO_AUDIENCE=requester: row 8 off, and nothing else


async def test_the_requester_rule_removes_the_audience_check_and_nothing_else(new_scene):
    environment = {"CALLAUDIO_AUDIENCE": "requester", "CALLAUDIO_MAX_AUDIENCE": "1"}
    async with new_scene(environment=environment) as scene:
        scene.workspace.join(CHANNEL, BOB)
        scene.workspace.add_user("U0STRANGER", is_stranger=True)
        scene.workspace.join(CHANNEL, "U0STRANGER")
        scene.workspace.add_channel(ELSEWHERE, members=[BOB])
        scene.workspace.add_channel("C0SHARED00", members=[ALICE, BOB], is_ext_shared=True)

        assert_redacted(await scene.ask(), "not_cleared")
        await scene.grant()
        await scene.grant("U0STRANGER")

        call = scene.another_call()
        assert_raw(await scene.ask(call), call)
        assert_refused(await scene.ask(user="U0STRANGER"), "requester_not_allowed")
        assert_refused(await scene.ask(f"{CALL} {ELSEWHERE}"), "requester_not_in_destination")
        assert_refused(await scene.ask(f"{CALL} C0SHARED00"), "external_destination")
        call = scene.another_call()
        assert_redacted(await scene.ask(f"{call} redacted"), "asked", call)
        await scene.grant(effect=Effect.DENY)
        call = scene.another_call()
        assert_redacted(await scene.ask(call), "not_cleared", call)
