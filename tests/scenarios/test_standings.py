"""People who may not hear raw themselves hear none through other people's requests."""

from collections.abc import AsyncIterator, Mapping

import pytest
from sqlalchemy import update

from bot.access.grants import Right
from bot.access.standings import STANDING_VALID_FOR
from bot.slack.identifiers import Action
from bot.store.tables import StandingRow
from bot.wiring.clock import utc_now
from tests.polling import until
from tests.scenarios.conftest import OpenScene, postgresql_at_length
from tests.scenarios.scene import (
    ALICE,
    BOB,
    BOSS,
    CALL,
    CHANNEL,
    RAW_SPAN,
    Scene,
    assert_raw,
    assert_redacted,
    assert_refused,
)
from tests.scenarios.test_take_back import RARELY, cause, gone, parent, raw
from tests.scenarios.thread import card, press, press_for_more

pytestmark = [pytest.mark.watchful, pytest.mark.only_taken_back]

GROUP = "S0QUALITY0"
GUEST = {"is_restricted": True}
SINGLE_CHANNEL_GUEST = {"is_restricted": True, "is_ultra_restricted": True}
EXTERNAL = {"is_stranger": True}
OF_ANOTHER_WORKSPACE = {"team_id": "T0OTHER00"}
LEFT = {"deleted": True}
BY_NAME, BY_GROUP = "by name", "through a group"


async def cleared_group(scene: Scene) -> None:
    """Put Alice and Bob in the channel, cleared only by their group."""
    scene.workspace.usergroups[GROUP] = (ALICE, BOB)
    await scene.grant(GROUP)
    scene.workspace.join(CHANNEL, BOB)


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """Periodic checks are an hour apart here, so anything sooner is caused by an event."""
    async with new_scene(timings=RARELY, environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        await cleared_group(scene)
        yield scene


async def standings_grow_old(scene: Scene) -> None:
    """Advance the clock beyond the storage time of standings."""
    async with scene.database.write() as session:
        long_ago = utc_now() - STANDING_VALID_FOR
        await session.execute(update(StandingRow).values(learnt_at=long_ago))


LISTENERS: Mapping[str, tuple[Mapping[str, object], str]] = {
    "a single-channel guest in a granted group": (SINGLE_CHANNEL_GUEST, BY_GROUP),
    "an external person with a grant of their own": (EXTERNAL, BY_NAME),
    "a guest with a grant of their own": (GUEST, BY_NAME),
    "a member in a granted group": ({}, BY_GROUP),
}


# Each standing, with each grant, is a row of tests/recordings/test_who_hears_raw.py.
async def test_row_8_a_listener_is_cleared_by_the_same_rule_as_a_requester(scene, subtests):
    for number, (who, (standing, granted)) in enumerate(LISTENERS.items()):
        with subtests.test(who):
            listener, group = f"U0LISTENER{number}", f"S0GROUP{number}"
            scene.workspace.add_user(listener, **standing)
            scene.workspace.usergroups[group] = (listener,)
            await scene.grant(group if granted == BY_GROUP else listener)
            scene.workspace.add_channel(CHANNEL, members=[ALICE, listener], is_private=True)

            call, own = scene.another_call(), scene.another_call()
            heard = await scene.ask(call)
            asked = await scene.ask(own, user=listener)

            if asked.delivery.outcome == "raw":
                assert_raw(asked, own)
                assert_raw(heard, call)
            else:
                assert_refused(asked, "requester_not_allowed")
                assert_redacted(heard, "audience", call)
                assert RAW_SPAN not in heard.file.content
            assert (asked.delivery.outcome == "raw") == (number >= 2), who


async def test_row_4_an_external_person_with_a_grant_does_not_make_a_channel_raw(new_scene):
    async with new_scene(environment={"CALLAUDIO_EXTERNAL_CHANNELS": CHANNEL}) as scene:
        await cleared_group(scene)
        scene.workspace.add_user("U0PARTNER0", **OF_ANOTHER_WORKSPACE)
        await scene.grant("U0PARTNER0")
        scene.workspace.join(CHANNEL, "U0PARTNER0")
        for is_shared in (True, False):
            scene.workspace.change_channel(CHANNEL, is_ext_shared=is_shared)
            call = scene.another_call()
            reason = "external_destination" if is_shared else "audience"
            assert_redacted(await scene.ask(call), reason, call)


async def test_a_guest_cleared_through_a_group_prevents_transcript_and_waveform(scene):
    seen = await raw(scene)
    scene.workspace.change_user(BOB, **GUEST)  # without an event
    await standings_grow_old(scene)
    message = await card(scene, seen.delivery, "*Unredacted*")

    row = await press_for_more(scene, message, Action.TRANSCRIPT)
    assert (row.state, row.reason) == ("refused", "audience")

    await press(scene, message, Action.WAVEFORM)
    view = await until(lambda: next(reversed(scene.workspace.views.values()), None))
    await until(lambda: "Not everyone here is known to be cleared" in shown(scene, view.id))
    await press(scene, message, Action.WAVEFORM, user=BOB)
    view = await until(lambda: next(v for v in scene.workspace.views.values() if v.user == BOB))
    await until(lambda: "Only members of this workspace" in shown(scene, view.id))


def shown(scene: Scene, view_id: str) -> str:
    return str(scene.workspace.views[view_id].body)


@postgresql_at_length
@pytest.mark.parametrize(
    ("person", "change", "why"), [(ALICE, GUEST, "right_ended"), (BOB, LEFT, "audience")]
)
async def test_a_file_is_deleted_at_once_when_requester_or_listener_leaves_the_workspace(
    scene, person, change, why
):
    await raw(scene)

    assert (await scene.people.change_user(person, **change)).status == 200

    await gone(scene)
    assert await cause(scene) == why
    await parent(scene, "The unredacted recording can no longer be heard in Slack")


async def test_a_new_photo_or_status_causes_no_check(scene):
    await raw(scene)
    before = len(scene.workspace.calls)
    for user_id in (ALICE, BOB, BOSS):
        assert (await scene.people.change_user(user_id, tz="Europe/London")).status == 200
    for nobody in ({}, {"user": "U0ALICE00"}, {"user": {}}, {"user": {"id": 7}}):
        assert (await scene.people.event({"type": "user_change", **nobody})).status < 500

    await scene.rest()
    assert [call.method for call in scene.workspace.calls[before:]] == []


async def test_an_app_home_loses_its_rights_when_its_person_becomes_a_guest(scene):
    await scene.grant(GROUP, right=Right.ADMIN)
    await scene.people.home_opened(BOB)
    await until(lambda: "You are an admin" in home(scene))

    await scene.people.change_user(BOB, **GUEST)

    await until(lambda: "callaudio is for members" in home(scene))
    assert "You may hear unredacted" not in home(scene)


def home(scene: Scene) -> str:
    view = scene.workspace.homes.get(BOB)
    return str(view.body) if view else ""


async def test_help_and_who_list_what_counts_for_a_guest(scene):
    scene.workspace.change_user(BOB, **GUEST)
    who = await scene.rule(f"who <@{BOB}>")
    assert f"<@{BOB}> is a guest and holds no right." in who.text
    assert f"`pii` <!subteam^{GROUP}>" in who.text
    assert "does not count for a guest" in who.text
    explained = await scene.rule(f"explain {CALL} <@{BOB}> <#{CHANNEL}|q>")
    assert f"because <@{BOB}> is a guest without a grant by name" in explained.text
    assert "holds `pii`: through a user group" in explained.text
    assert f"`pii` <!subteam^{GROUP}>" in explained.text
