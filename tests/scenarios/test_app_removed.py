"""The workspace removes the app: rights end, and raw files that remain in Slack are recorded."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.sandbox.faults import Fault
from tests.polling import until
from tests.scenarios.conftest import WATCHFUL, OpenScene
from tests.scenarios.scene import ALICE, BOSS, CHANNEL, Scene

OFTEN = replace(WATCHFUL, check_every=timedelta(seconds=1))

pytestmark = pytest.mark.watchful


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    async with new_scene(timings=OFTEN, environment={"CALLAUDIO_ADMINS": BOSS}) as scene:
        await scene.grant()
        yield scene


@pytest.mark.parametrize("grants", [1, 0], ids=["a right ends", "none has to end"])
async def test_rights_end_and_each_remaining_raw_file_is_recorded(scene, grants):
    seen = await scene.ask()
    assert seen.delivery.outcome == "raw"
    if not grants:
        scene.slack.faults.add(Fault("files.delete", error="cant_delete_file", times=1000))
        await scene.rule(f"revoke <@{ALICE}> pii")

    await scene.people.remove_app()  # Slack sends the event twice

    (removed,) = await scene.events("slack:app:removed")
    (left,) = await scene.events("retention:file:out_of_reach")
    assert removed.payload == {"grants_ended": grants, "raw_files_out_of_reach": 1}
    assert len(await scene.events("admin:grant:revoked")) == 1
    assert left.payload == {"file_id": seen.delivery.file_id, "channel_id": CHANNEL}
    assert left.delivery_id == seen.delivery.id


async def test_after_a_new_installation_the_raw_file_is_deleted_and_nobody_hears_raw(scene):
    await scene.ask()
    await scene.people.remove_app()
    assert scene.workspace.visible_files(CHANNEL)

    scene.workspace.has_app = True

    await until(lambda: not scene.workspace.visible_files(CHANNEL))
    assert (await scene.ask(scene.another_call())).delivery.outcome == "redacted"
    (taken_back,) = await scene.events("retention:file:taken_back")
    assert taken_back.payload["cause"] in {"right_ended", "audience"}


async def test_a_late_event_of_an_earlier_installation_ends_nothing(scene):
    assert (await scene.people.event({"type": "app_uninstalled"}, authorizations=[])).arrived

    assert (await scene.ask()).delivery.outcome == "raw"
    assert "slack:app:removed" not in await scene.tags()


async def test_a_revoked_user_token_changes_nothing(scene):
    scene.workspace.has_app = False
    tokens = {"oauth": [ALICE]}
    assert (await scene.people.event({"type": "tokens_revoked", "tokens": tokens})).arrived
    assert "slack:app:removed" not in await scene.tags()
