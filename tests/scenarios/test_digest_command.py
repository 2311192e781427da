"""`/callaudio-admin digest …` and its form: a preview, then saving, for admins only."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from bot.access.grants import Right
from bot.sandbox.block_limits import problems
from bot.sandbox.delivery import Ack
from bot.slack.identifiers import Action
from tests.polling import until
from tests.scenarios.conftest import OpenScene
from tests.scenarios.digest_scene import (
    add_digest,
    digest_messages,
    ended,
    plain_outlets,
    read_digest,
)
from tests.scenarios.scene import ALICE, BOSS, CHANNEL, Scene
from tests.tables import each_row

SALES = '{"sales": {"agent_id": "PROJECT-SALES", "region": "us", "api_key": "k"}}'
TEAM_GROUP = "S0QUALITY0"
ADD = f"digest add calls <#{CHANNEL}|quality> at 09:00 mon-fri Europe/London"


pytestmark = pytest.mark.watchful


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    environment = {"CALLAUDIO_ADMINS": BOSS, "POLYAI_AGENTS": SALES}
    async with new_scene(environment=environment, open_outlets=plain_outlets) as scene:
        yield scene


def save_button(ack: Ack) -> Mapping[str, Any]:
    assert problems(ack.body["blocks"]) == []
    ((button,),) = [b["elements"] for b in ack.body["blocks"] if b["type"] == "actions"]
    return button


async def press(scene: Scene, button: Mapping[str, Any], user: str = BOSS) -> Ack:
    return await scene.use(button, scene.workspace.ephemerals[-1], user=user)


async def test_a_digest_is_previewed_with_its_next_three_runs_and_saved_by_a_press(scene):
    shown = await scene.rule(f"{ADD} sales")

    assert "At 09:00, Monday through Friday (Europe/London)" in shown.text
    assert "`sales`" in shown.text
    assert shown.text.count("• ") == 3
    assert "Nothing is saved yet." in shown.text
    assert "No digest" in (await scene.rule("digest list")).text

    scene.workspace.show_answer(CHANNEL, BOSS, shown.body)
    button = save_button(shown)
    for _ in range(2):  # a double press is one digest
        await press(scene, button)

    assert "Saved as `g" in scene.workspace.ephemerals[-1].text
    listed = await scene.rule("digest list")
    assert listed.text.count("• ") == 1
    assert f"calls digest of `sales` in <#{CHANNEL}>" in listed.text
    assert ", next: " in listed.text
    assert await scene.tags() == ["admin:digest:added"]


async def test_a_guest_in_an_admin_group_can_neither_preview_nor_save(scene):
    scene.workspace.usergroups[TEAM_GROUP] = (ALICE,)
    await scene.grant(TEAM_GROUP, right=Right.ADMIN)
    shown = await scene.rule(ADD, user=ALICE)
    scene.workspace.show_answer(CHANNEL, ALICE, shown.body)
    scene.workspace.add_user(ALICE, is_restricted=True)

    await press(scene, save_button(shown), user=ALICE)

    assert "Only admins of callaudio" in scene.workspace.ephemerals[-1].text
    assert "Only admins of callaudio" in (await scene.rule(ADD, user=ALICE)).text
    assert await scene.tags() == ["admin:grant:added", *["slack:admin:refused"] * 2]
    assert "No digest" in (await scene.rule("digest list")).text


async def test_a_digest_is_paused_resumed_run_and_removed(scene):
    database = scene.database
    await add_digest(database, timetable="09:00 mon-fri", zone="Europe/London")

    assert "Paused `g1`" in (await scene.rule("digest pause g1")).text
    assert "*paused*: an admin paused it" in (await scene.rule("digest list")).text
    assert "`g1` is resumed; next: " in (await scene.rule("digest resume g1")).text
    assert "in a few seconds" in (await scene.rule("digest run `g1`")).text
    (run,) = await ended(database)
    assert (run.state, run.asked_by) == ("posted", BOSS)
    assert len(digest_messages(scene.workspace)) == 1
    assert "Removed `g1`" in (await scene.rule("digest remove g1")).text
    assert "There is no such digest." in (await scene.rule("digest run g1")).text
    assert await scene.tags() == [
        "admin:digest:added",
        "admin:digest:paused",
        "admin:digest:resumed",
        "admin:digest:asked",
        "worker:digest:posted",
        "admin:digest:removed",
    ]


async def test_a_save_button_is_refused_to_others(scene):
    shown = await scene.rule(ADD)
    scene.workspace.show_answer(CHANNEL, BOSS, shown.body)

    await press(scene, save_button(shown), user=ALICE)

    assert "Only admins" in scene.workspace.ephemerals[-1].text
    assert "No digest" in (await scene.rule("digest list")).text


@each_row(
    ("text", "says"),
    [
        ("digest", "I cannot read `digest`"),
        ("digest add calls", "I cannot read"),
        ("digest add weather <#C0QUALITY0> 09:00 UTC", "`weather` is no digest"),
        ("digest add calls #quality 09:00 UTC", "is no channel"),
        ("digest add calls <#C0QUALITY0> 09:00 mon-fri", "time zone is missing"),
        ("digest add calls <#C0QUALITY0> 09:00 Europe/Lodnon", "Did you mean `Europe/London`?"),
        # A whole command of such words would keep everybody waiting for a second.
        (f"digest add calls <#C0QUALITY0> {'on ' * 20}Europe/Lodnon", "time zone is missing"),
        ("digest add calls <#C0QUALITY0> 09:00 mon-fri London", "Did you mean `Europe/London`?"),
        ("digest add calls <#C0QUALITY0> 09:00 Mars/Olympus", "the time zone `Mars/Olympus`"),
        ("digest add calls <#C0QUALITY0> soon UTC", "I cannot read `soon`"),
        ("digest add calls <#C0QUALITY0> * * * * * UTC", "every 15 minutes"),
        ("digest add calls <#C0QUALITY0> 09:00 UTC nobody", "No agent of that name"),
        ("digest add calls <#C0QUALITY0> 09:00 UTC sales too", "one word too many"),
        ("digest add access <#C0QUALITY0> 09:00 UTC sales", "covers all agents"),
        ("digest add calls <#C0NOWHERE0> 09:00 UTC", "not in that conversation"),
        ("digest pause <!channel>", "There is no such digest"),
        # One of another workspace.
        *(
            (f"digest {verb} g2", "There is no such digest")
            for verb in ("pause", "resume", "run", "remove")
        ),
    ],
)
async def test_invalid_input_is_answered_with_a_fix(scene, text, says):
    await add_digest(scene.database, "g2", team_id="T0SALES000")
    ack = await scene.rule(text)

    assert says in ack.text
    assert "*What to do:*" in ack.text
    assert "<!channel>" not in ack.text
    assert await scene.tags() == ["admin:digest:added"]


@each_row(
    ("changes", "says"),
    [
        ({"is_ext_shared": True}, "another organisation"),
        ({"is_archived": True}, "archived"),
        ({"bot_is_member": False}, "/invite @callaudio"),
    ],
)
async def test_an_unusable_channel_is_reported_at_once(scene, changes, says):
    scene.workspace.add_channel(CHANNEL, members=[BOSS], is_private=True, **changes)

    assert says in (await scene.rule(ADD)).text


VALUES = {
    "kind": {"kind": {"selected_option": {"value": "calls"}}},
    "channel": {"channel": {"selected_conversation": CHANNEL}},
    "timetable": {"timetable": {"value": "0 9 * * 1"}},
    "zone": {"zone": {"value": "Europe/London"}},
    "agent": {"agent": {"selected_option": {"value": "sales"}}},
}


async def open_form(scene: Scene, user: str = BOSS) -> Any:
    assert (await scene.people.home_opened(user)).arrived
    home = (await until(lambda: scene.workspace.homes.get(user))).id
    await scene.people.block_action(user, None, "", Action.ADD_DIGEST.value, "new", view_id=home)
    (view,) = scene.workspace.views.values()
    await until(lambda: "One moment" not in str(scene.workspace.views[view.id].body))
    return scene.workspace.views[view.id]


async def test_the_form_shows_the_next_runs_and_then_saves(scene):
    view = await open_form(scene)
    assert [b["block_id"] for b in view.body["blocks"]] == [
        "kind", "channel", "timetable", "zone", "agent",
    ]  # fmt: skip

    shown = await scene.people.view_submission(BOSS, view.id, VALUES)
    confirmation = shown.body["view"]
    assert shown.body["response_action"] == "update"
    assert problems(confirmation["blocks"], "modal") == []
    assert "At 09:00, only on Monday" in str(confirmation)
    assert await scene.tags() == []

    # Submitted twice it is one digest.
    both = await asyncio.gather(
        *(scene.people.view_submission(BOSS, view.id, {}) for _ in range(2))
    )
    assert all("Saved as" in str(saved.body["view"]) for saved in both)
    assert await scene.tags() == ["admin:digest:added"]


async def test_invalid_input_is_reported_in_the_form(scene):
    view = await open_form(scene)
    values = {**VALUES, "timetable": {"timetable": {"value": "soon"}}}

    shown = await scene.people.view_submission(BOSS, view.id, values)

    assert shown.body["response_action"] == "errors"
    assert "I cannot read soon" in str(shown.body["errors"])


async def test_the_form_is_refused_to_others(scene):
    view = await open_form(scene, ALICE)
    assert "Only admins of callaudio" in str(view.body)
    scene.workspace.views.clear()
    view = await open_form(scene)
    shown = await scene.people.view_submission(ALICE, view.id, VALUES)
    assert "Only admins of callaudio" in str(shown.body)


async def test_a_changed_channel_id_is_stored_in_its_digests(scene):
    await add_digest(scene.database)
    for _ in range(2):  # Slack may tell twice
        moved = {"old_channel_id": CHANNEL, "new_channel_id": "C0MOVED00", "event_ts": "1.0"}
        await scene.people.event({"type": "channel_id_changed", **moved})

    assert (await read_digest(scene.database)).channel_id == "C0MOVED00"
    assert [tag for tag in await scene.tags() if tag.endswith(":moved")] == ["slack:digest:moved"]
