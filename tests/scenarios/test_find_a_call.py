"""Finding a call and having its recording delivered, through signed HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.cli.stage import PLAIN_KEY
from bot.sandbox import recordings
from bot.sandbox.block_limits import problems
from bot.sandbox.delivery import Ack
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.polyai_rows import PERSONAL_WORDS
from bot.slack.identifiers import Action, Input, ModalCallback
from tests.polling import until
from tests.scenarios.conftest import OpenScene
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, Scene
from tests.tables import each_row

SALES = "PROJECT-SALES"
SALES_AGENT = {"agent_id": SALES, "region": "us", "api_key": PLAIN_KEY}
MORE_AGENTS = {"POLYAI_AGENTS": json.dumps({"sales": SALES_AGENT})}
ROUTES = {"v1": "conversations", "v3": "platform_conversations"}


on_both_lists = pytest.mark.parametrize("kind", ROUTES, indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Which list of calls the bot reads."""
    return str(getattr(request, "param", "v1"))


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Collect every line of the log, before masking."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
async def scene(
    new_scene: OpenScene, kind: str, logged: list[MutableMapping[str, Any]]
) -> AsyncIterator[Scene]:
    """Thirty calls, one each hour, and the usual call as the newest."""
    async with new_scene(has_platform=kind == "v3") as scene:
        arrange(scene)
        yield scene
        assert scene.workspace.violations == []
        assert_nothing_personal(scene, str(logged))


def arrange(scene: Scene) -> None:
    scene.workspace.add_user(ALICE, tz="Asia/Tokyo")
    newest = datetime.now(UTC) - timedelta(minutes=5)
    scene.polyai.generate_calls(30, newest_at=newest, every=timedelta(hours=1))
    scene.polyai.add_call(
        CALL, recording=Recording.speech(), started_at=newest + timedelta(seconds=1)
    )


def assert_nothing_personal(scene: Scene, logged: str) -> None:
    shown = logged + "".join(str(view.body) for view in scene.workspace.views.values())
    shown += "".join(str(message.blocks) for message in scene.everything_posted())
    assert not [word for word in (*PERSONAL_WORDS, "1234567890") if word in shown]


async def opened(scene: Scene, user: str = ALICE) -> str:
    """Use the shortcut and wait until the modal is filled in; returns its id."""
    before = set(scene.workspace.views)
    ack = await scene.people.global_shortcut(user)
    assert ack.status == 200
    (view_id,) = set(scene.workspace.views) - before
    await until(lambda: "One moment" not in str(body(scene, view_id)))
    return view_id


def body(scene: Scene, view_id: str) -> dict[str, Any]:
    return scene.workspace.views[view_id].body


def rows(scene: Scene, view_id: str) -> list[dict[str, Any]]:
    found = [
        block["element"]["options"]
        for block in body(scene, view_id)["blocks"]
        if block["type"] == "input" and block["element"]["type"] == "radio_buttons"
    ]
    return found[0] if found else []


def values(scene: Scene, view_id: str) -> list[str]:
    return [row["value"] for row in rows(scene, view_id)]


async def press(
    scene: Scene, view_id: str, action: Action, user: str = ALICE, **element: Any
) -> None:
    """Press a button in the modal, and wait until its content changes."""
    before = scene.workspace.views[view_id].hash
    ack = await scene.people.block_action(user, None, "", action.value, view_id=view_id, **element)
    assert ack.status == 200
    await until(lambda: scene.workspace.views[view_id].hash != before)
    assert problems(body(scene, view_id)["blocks"], "modal") == []


async def send(
    scene: Scene, view_id: str, call: str, *, to: str = CHANNEL, user: str = ALICE, **more: Any
) -> Ack:
    (calls,) = [
        block["block_id"]
        for block in body(scene, view_id)["blocks"]
        if str(block.get("block_id")).startswith("call-")
    ]
    chosen = {
        calls: {Input.CALL.value: {"selected_option": {"value": call}}},
        "destination": {"destination": {"selected_conversation": to}},
        "direction": {"direction": {"selected_option": {"value": "combined"}}},
        "redacted": {"redacted": {"selected_options": []}},
        **more,
    }
    return await scene.people.view_submission(user, view_id, chosen)


@on_both_lists
async def test_a_call_is_found_and_its_recording_is_delivered(scene):
    await scene.grant()
    view_id = await opened(scene)
    assert values(scene, view_id)[0] == CALL
    assert len(rows(scene, view_id)) == 10
    assert "Asia/Tokyo" in str(body(scene, view_id))
    assert rows(scene, view_id)[0]["description"]["text"] == f"+44••••••••90 · {CALL}"

    ack = await send(scene, view_id, CALL)

    assert "Got it" in str(ack.body)
    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.outcome, delivery.source) == ("delivered", "raw", "modal")
    (file,) = scene.every_visible_file()
    assert file.content == recordings.load("combined", redacted=False)
    assert file.channel == CHANNEL


async def test_a_form_sent_again_is_a_new_request_only_with_another_choice(scene):
    view_id = await opened(scene)
    form = scene.workspace.views[view_id]
    both = await asyncio.gather(*(send(scene, view_id, CALL) for _ in range(2)))
    assert "already on its way" in str([ack.body for ack in both])
    assert len(await scene.deliveries()) == 1
    other_side = {"direction": {"direction": {"selected_option": {"value": "user"}}}}
    for more, is_new in ((other_side, True), (other_side, False), ({}, False)):
        scene.workspace.views[view_id] = form  # as it stays when Slack got no answer in time
        ack = await send(scene, view_id, CALL, **more)
        assert ("Got it" in str(ack.body)) == is_new
    sides = [(await scene.ended(each.id)).direction for each in await scene.deliveries()]
    assert sorted(sides) == ["combined", "user"]


async def test_redacted_and_one_side_can_be_requested(scene):
    await scene.grant()
    view_id = await opened(scene)
    chosen = {
        "direction": {"direction": {"selected_option": {"value": "user"}}},
        "redacted": {"redacted": {"selected_options": [{"value": "redacted"}]}},
    }
    await send(scene, view_id, CALL, **chosen)
    delivery = await scene.ended(await scene.latest())
    assert (delivery.reason, delivery.direction) == ("asked", "user")


async def test_the_decision_table_applies_to_the_destination(scene):
    await scene.grant()
    scene.workspace.add_channel("C0ELSEWHERE", members=[BOB])
    view_id = await opened(scene)
    await send(scene, view_id, CALL, to="C0ELSEWHERE")
    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.reason) == ("refused", "requester_not_in_destination")
    assert scene.every_visible_file() == []


@on_both_lists
async def test_older_and_newer_turn_the_page(scene):
    view_id = await opened(scene)
    first = values(scene, view_id)
    assert "find_newer" not in str(body(scene, view_id))
    seen = [*first]
    for _ in range(3):
        await press(scene, view_id, Action.FIND_OLDER)
        seen += values(scene, view_id)
    assert len(seen) == len(set(seen)) == 31
    assert "find_older" not in str(body(scene, view_id))
    for _ in range(3):
        await press(scene, view_id, Action.FIND_NEWER)
    assert values(scene, view_id) == first


async def test_a_page_that_slack_refuses_at_first_is_shown_later(scene):
    view_id = await opened(scene)
    first = values(scene, view_id)
    scene.slack.faults.add(Fault("views.update", error="ratelimited"))
    await press(scene, view_id, Action.FIND_OLDER)
    assert set(values(scene, view_id)).isdisjoint(first)


@on_both_lists
async def test_a_day_and_an_outcome_filter_the_calls(scene):
    when = datetime(2026, 3, 1, 16, tzinfo=UTC)  # already the second of March in Tokyo
    scene.polyai.add_call("CA-march", started_at=when, recording=Recording.speech())
    view_id = await opened(scene)
    await press(scene, view_id, Action.FIND_DAY, type="datepicker", selected_date="2026-03-02")
    assert values(scene, view_id) == ["CA-march"]
    await press(
        scene, view_id, Action.FIND_HANDOFF, type="static_select", selected_option={"value": "yes"}
    )
    assert values(scene, view_id) == []
    assert "submit" not in body(scene, view_id)
    await press(scene, view_id, Action.FIND_ANY_DAY)
    shown = rows(scene, view_id)
    assert shown
    assert all("handed over" in row["text"]["text"] for row in shown)


@on_both_lists
async def test_an_error_of_polyai_is_shown_in_the_modal(scene, kind, logged):
    for status, headers, words in [
        (401, {}, "did not accept"),
        (429, {"Retry-After": "60"}, "limits how fast"),
        (503, {}, "cannot be reached"),
        (500, {}, "failed while handling"),
    ]:
        scene.polyai.faults.add(Fault(ROUTES[kind], status=status, headers=headers, times=4))
        view_id = await opened(scene)
        assert words in str(body(scene, view_id))
        assert "Reference" in str(body(scene, view_id))
        scene.polyai.faults.clear()
    assert [line["code"] for line in logged if line["event"] == "request_refused"] == [
        "polyai_key_rejected",
        "polyai_rate_limited",
        "polyai_unavailable",
        "polyai_server_error",
    ]


@each_row(
    ("person", "standing"),
    [
        ("U0GUEST00", {"is_restricted": True}),
        ("U0EXTERNAL", {"is_stranger": True}),
        ("U0UNKNOWN", {"omit": ["is_bot"]}),
    ],
)
async def test_a_person_who_may_not_request_recordings_may_not_list_calls(scene, person, standing):
    scene.workspace.add_user(person, **standing)
    view_id = await opened(scene, person)
    assert "You cannot list calls here" in str(body(scene, view_id))
    assert rows(scene, view_id) == []
    assert [*scene.polyai.requests, *scene.polyai.platform.requests] == []
    event = (await scene.events("policy:finder:refused"))[-1]
    assert (event.actor_id, event.team_id) == (person, scene.workspace.team_id)


async def test_a_guest_may_list_calls_until_their_grant_ends(scene):
    scene.workspace.add_user(BOB, is_restricted=True)
    await scene.grant(BOB)
    view_id = await opened(scene, BOB)
    assert rows(scene, view_id)
    await scene.let_grants_expire()
    await press(scene, view_id, Action.FIND_OLDER, BOB)
    assert "You cannot list calls here" in str(body(scene, view_id))


async def test_a_missing_choice_is_reported_in_the_form(scene):
    view_id = await opened(scene)
    ack = await send(scene, view_id, CALL, destination={"destination": {}})
    assert "was chosen" in str(ack.body)
    assert await scene.deliveries() == []


async def test_a_press_in_a_closed_modal_changes_nothing(scene):
    view_id = await opened(scene)
    view = scene.workspace.views[view_id]
    scene.slack.faults.add(Fault("views.update", times=1, error="not_found"))
    ack = await scene.people.block_action(ALICE, None, "", Action.FIND_OLDER.value, view_id=view_id)
    assert ack.status == 200
    assert scene.workspace.views[view_id] is view


async def test_one_of_several_agents_can_be_chosen_and_the_button_names_it(new_scene):
    async with new_scene(environment=MORE_AGENTS) as scene:
        arrange(scene)
        newest = datetime.now(UTC)
        of_sales = {"agent_id": SALES, "recording": Recording.speech()}
        scene.polyai.add_call("CA" + "5a1e5" * 6 + "00", started_at=newest, **of_sales)
        scene.polyai.add_call("CA-old", started_at=newest - timedelta(minutes=1), **of_sales)
        view_id = await opened(scene)
        sales = {"type": "static_select", "selected_option": {"value": "sales"}}
        await press(scene, view_id, Action.FIND_AGENT, **sales)
        assert values(scene, view_id)[-1] == "CA-old"
        assert (await scene.people.home_opened(ALICE)).arrived
        await until(lambda: ALICE in scene.workspace.homes)
        home = scene.workspace.homes[ALICE].id
        ack = await scene.people.block_action(
            ALICE, None, "", Action.FIND_CALL.value, "sales", view_id=home
        )
        assert ack.status == 200
        second = [each for each in scene.workspace.views if each != view_id]
        await until(lambda: rows(scene, second[0]))
        assert body(scene, second[0])["callback_id"] == ModalCallback.FIND_CALL.value
        await send(scene, second[0], "CA-old")
        delivery = await scene.ended(await scene.latest())
        assert (delivery.state, delivery.agent_name) == ("delivered", "sales")


async def test_the_finder_works_over_socket_mode(new_scene):
    async with new_scene(over_socket=True) as scene:
        arrange(scene)
        view_id = await opened(scene)
        await press(scene, view_id, Action.FIND_OLDER)
        assert len(rows(scene, view_id)) == 10
        await press(scene, view_id, Action.FIND_NEWER)
        assert CALL in values(scene, view_id)
        await send(scene, view_id, CALL)
        delivery = await scene.ended(await scene.latest())
        assert (delivery.state, delivery.outcome) == ("delivered", "redacted")
