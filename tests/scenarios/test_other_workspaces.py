"""People of another workspace: whatever they type, press or send is refused."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from bot.access.grants import Right
from bot.slack.identifiers import ADMIN_COMMAND, FIND_CALL_SHORTCUT, GET_CALL_SHORTCUT, Action
from bot.store.tables import DigestRow, GrantRow, HomeRow
from tests.scenarios.scene import ALICE, BOB, BOSS, CALL, CHANNEL, Scene

STRANGER, ELSEWHERE = "U0STRANGER", "T0OTHER000"
WORDS = "callaudio is for the people of the workspace that it is installed in."


async def outcome(scene: Scene) -> tuple[int, int, int]:
    """Count deliveries, grants and digests."""
    grants, digests = (
        await scene.stored(select(GrantRow.id)),
        await scene.stored(select(DigestRow.id)),
    )
    return len(await scene.deliveries()), len(grants), len(digests)


def shown_to(scene: Scene, user: str) -> str:
    views = [str(view.body) for view in scene.workspace.views.values() if view.user == user]
    return "\n".join([*(e.text for e in scene.workspace.ephemerals if e.user == user), *views])


COMMANDS = [
    ("/callaudio", CALL),
    ("/callaudio", "help"),
    (ADMIN_COMMAND, f"grant <@{BOB}> pii for 8h quality"),
    (ADMIN_COMMAND, f"revoke <@{ALICE}> pii"),
    (ADMIN_COMMAND, "list"),
    (ADMIN_COMMAND, f"explain {CALL} <@{ALICE}> <#{CHANNEL}>"),
    (ADMIN_COMMAND, f"digest add calls <#{CHANNEL}> at 09:00 mon-fri Europe/London"),
]


async def test_commands_of_another_workspace_are_refused_even_with_an_admins_id(new_scene):
    """The same id in another workspace is another person."""
    async with new_scene(environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        await scene.grant()
        before = await outcome(scene)
        for command, text in COMMANDS:
            ack = await scene.people.command(
                BOSS, CHANNEL, text, command=command, team_id=ELSEWHERE
            )
            assert (ack.status, ack.body["response_type"]) == (200, "ephemeral")
            assert ack.text.startswith(WORDS)
            assert "*What to do:*" in ack.text
            assert "Reference `" in ack.text
        assert await outcome(scene) == before
        audit = [e for e in await scene.all_audit() if e.actor_id == BOSS and "refused" in e.tag]
        assert [e.payload for e in audit] == [
            {"name": command, "code": "outsider", "channel_id": CHANNEL, "actor_team_id": ELSEWHERE}
            for command, _ in COMMANDS
        ]
        assert {(e.team_id, e.tag) for e in audit} == {
            (scene.workspace.team_id, "slack:request:refused")
        }


async def test_presses_shortcuts_and_forms_of_another_workspace_are_refused(new_scene):
    async with new_scene(environment={"CALLAUDIO_ADMINS": f"{BOSS},{STRANGER}"}) as scene:
        scene.workspace.add_user(STRANGER, team_id=ELSEWHERE, is_stranger=True)
        scene.workspace.join(CHANNEL, STRANGER)
        await scene.grant(STRANGER)
        await scene.grant(STRANGER, right=Right.ADMIN)
        seen = await scene.ask()
        (button,) = seen.buttons
        await scene.use(button, seen.note)
        (form,) = scene.workspace.views.values()
        before = await outcome(scene)
        message = scene.workspace.say(CHANNEL, ALICE, CALL)
        asked = len(scene.polyai.requests)
        values: dict[Action, str] = {
            Action.GET_FROM_DIGEST: f"default:{CALL}",
            Action.OTHER_SIDE: f"agent {seen.delivery.id}",
            Action.SAVE_DIGEST: "{}",
        }
        for action in Action:
            await scene.people.block_action(
                STRANGER,
                CHANNEL,
                message.ts,
                action.value,
                values.get(action, seen.delivery.id),
                ephemeral=False,
            )
            assert WORDS in scene.workspace.ephemerals[-1].text
            assert scene.workspace.ephemerals[-1].user == STRANGER
        await scene.people.message_shortcut(STRANGER, CHANNEL, message.ts, GET_CALL_SHORTCUT)
        await scene.people.global_shortcut(STRANGER, FIND_CALL_SHORTCUT)
        assert WORDS in shown_to(scene, STRANGER)
        ack = await scene.people.view_submission(STRANGER, form.id, {})
        assert WORDS in str(ack.body)

        await scene.rest()
        assert len(scene.polyai.requests) == asked
        assert await outcome(scene) == before
        assert CALL not in shown_to(scene, STRANGER)
        names = [
            str(e.payload["name"])
            for e in await scene.all_audit()
            if (e.tag, e.actor_id) == ("slack:request:refused", STRANGER)
        ]
        assert names == [*Action, GET_CALL_SHORTCUT, FIND_CALL_SHORTCUT, "request_access"]


async def test_a_person_whom_slack_reports_as_external_is_refused_whatever_the_command_says(scene):
    scene.workspace.add_user(STRANGER, team_id=ELSEWHERE)
    scene.workspace.join(CHANNEL, STRANGER)
    await scene.grant(STRANGER)
    await scene.people.command(STRANGER, CHANNEL, CALL, team_id=scene.workspace.team_id)
    delivery = await scene.ended(await scene.latest())
    assert (delivery.state, delivery.reason) == ("refused", "requester_not_allowed")
    assert scene.polyai.requests == []


# Each change of a usual event, and whether it counts.
EVENTS: Mapping[str, tuple[dict[str, Any], bool]] = {
    "U0USUAL00": ({}, True),
    "U0SHARED0": ({"team_id": ELSEWHERE}, True),
    "U0INSTALL": ({"authorizations": [{"team_id": ELSEWHERE}]}, False),
    "U0ORG0000": ({"authorizations": [{"team_id": None, "enterprise_id": "E0OTHER"}]}, False),
    "U0NOBODY0": ({"authorizations": [{"team_id": None, "enterprise_id": None}]}, False),
    "U0OUTER00": ({"authorizations": []}, True),
    "U0OTHER00": ({"authorizations": None, "team_id": ELSEWHERE}, False),
}


async def test_events_count_if_one_of_their_authorizations_is_the_bots(scene):
    for user, (changes, _) in EVENTS.items():
        scene.workspace.add_user(user)
        event = {"type": "app_home_opened", "user": user, "channel": f"D{user[1:]}", "tab": "home"}
        ack = await scene.people.event(event, **changes)
        assert (ack.status, ack.text) == (200, "")

    homes = {(each.team_id, each.user_id) for each in await scene.stored(select(HomeRow))}
    ours = {user for user, (_, is_ours) in EVENTS.items() if is_ours}
    assert homes == {(scene.workspace.team_id, user) for user in ours}
