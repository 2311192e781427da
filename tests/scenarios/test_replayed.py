"""A replayed signed request changes no right and no digest a second time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from bot.access.grants import Effect, Right
from bot.sandbox.delivery import Ack
from bot.slack.identifiers import Action
from bot.store.tables import DigestRow, DigestRunRow, GrantRow
from tests.polling import until
from tests.scenarios.conftest import OpenScene, on_both_databases, postgresql_at_length
from tests.scenarios.digest_scene import add_digest
from tests.scenarios.scene import ALICE, BOSS, CHANNEL, Scene

AGAIN = "I have already done that."


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    async with new_scene(environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        yield scene


async def say(scene: Scene, text: str, trigger: str) -> Ack:
    return await scene.rule(text, trigger_id=trigger)


async def in_force(scene: Scene) -> list[str]:
    return await scene.stored(select(GrantRow.effect).where(GrantRow.revoked_at.is_(None)))


async def refused(scene: Scene) -> list[tuple[str, Any]]:
    events = [e for e in await scene.all_audit() if e.payload.get("code") == "already_done"]
    return [(event.tag, event.payload["action"]) for event in events]


@postgresql_at_length
async def test_a_change_of_rights_is_made_once_for_each_trigger(scene):
    grant, deny = f"grant <@{ALICE}> pii quality", f"deny <@{ALICE}> pii left"
    revoke = f"revoke <@{ALICE}> pii"
    await say(scene, grant, "1.1.grant")
    await say(scene, revoke, "1.1.revoke")
    assert AGAIN in (await say(scene, grant, "1.1.grant")).text
    assert await in_force(scene) == []

    await say(scene, grant, "1.2.grant")
    assert AGAIN in (await say(scene, revoke, "1.1.revoke")).text
    assert await in_force(scene) == [Effect.GRANT]

    await say(scene, deny, "1.1.deny")
    await say(scene, revoke, "1.2.revoke")
    assert AGAIN in (await say(scene, deny, "1.1.deny")).text
    assert await in_force(scene) == []
    assert await refused(scene) == [
        ("admin:grant:refused", "grant"),
        ("admin:grant:refused", "revoke"),
        ("admin:grant:refused", "deny"),
    ]


@on_both_databases
async def test_many_simultaneous_replays_of_a_trigger_are_one_change(scene):
    text = f"grant <@{ALICE}> pii quality"
    acks = await asyncio.gather(*(say(scene, text, "1.1.grant") for _ in range(4)))
    assert sum(AGAIN in ack.text for ack in acks) == 3
    assert await in_force(scene) == [Effect.GRANT]


async def test_an_approval_is_given_once(scene):
    await scene.grant(BOSS, right=Right.ADMIN)
    seen = await scene.ask()
    (button,) = seen.buttons
    await scene.use(button, seen.note)
    (form,) = scene.workspace.views.values()
    values = {
        "reason": {"reason": {"type": "plain_text_input", "value": "quality"}},
        "hours": {"hours": {"type": "static_select", "selected_option": {"value": "1"}}},
    }
    sent = await scene.people.view_submission(ALICE, form.id, values)
    assert sent.arrived

    def approvals() -> list[Any]:
        return [
            (message, element)
            for message in scene.everything_posted()
            for block in message.blocks
            for element in block.get("elements", [])
            if element.get("action_id") == Action.APPROVE_ACCESS
        ]

    ((message, approve),) = await until(approvals)

    await scene.use(approve, message, user=BOSS)
    assert await in_force(scene) == [Effect.GRANT] * 2, "the admin's own, and what was asked for"
    await say(scene, f"revoke <@{ALICE}> pii", "1.1.revoke")
    await scene.use(approve, message, user=BOSS)
    scene.workspace.views[form.id] = form  # as it was when Slack sent it first
    await scene.people.view_submission(ALICE, form.id, values)
    assert await in_force(scene) == [Effect.GRANT], "the admin's own"


async def digests(scene: Scene) -> list[tuple[str, str | None]]:
    return [(row.id, row.paused_because) for row in await scene.stored(select(DigestRow))]


async def test_a_change_of_a_digest_is_made_once(scene):
    await add_digest(scene.database, timetable="09:00 mon-fri")
    await say(scene, "digest pause g1", "1.1.pause")
    await say(scene, "digest resume g1", "1.1.resume")
    assert AGAIN in (await say(scene, "digest pause g1", "1.1.pause")).text
    assert await digests(scene) == [("g1", None)]
    await say(scene, "digest pause g1", "1.2.pause")
    assert AGAIN in (await say(scene, "digest resume g1", "1.1.resume")).text
    assert await digests(scene) == [("g1", "asked")]

    await say(scene, "digest run g1", "1.1.run")
    assert AGAIN in (await say(scene, "digest run g1", "1.1.run")).text
    assert len(await scene.stored(select(DigestRunRow.slot_local))) == 1
    assert [action for _, action in await refused(scene)] == [
        "digest_pause",
        "digest_resume",
        "digest_run",
    ]


async def test_a_removed_digest_is_not_added_again_by_a_replay(scene):
    text = f"digest add access <#{CHANNEL}> at 09:00 mon-fri Europe/London"
    shown = await say(scene, text, "1.1.add")
    (save,) = [
        element
        for block in shown.blocks
        for element in block.get("elements", [])
        if element.get("action_id") == Action.SAVE_DIGEST
    ]

    async def press() -> str:
        scene.workspace.show_answer(CHANNEL, BOSS, shown.body)
        await scene.use(save, scene.workspace.ephemerals[-1], user=BOSS)
        return scene.workspace.ephemerals[-1].text

    await press()
    ((digest_id, _),) = await digests(scene)
    await say(scene, f"digest remove {digest_id}", "1.1.remove")
    assert AGAIN in await press()
    assert await digests(scene) == []
