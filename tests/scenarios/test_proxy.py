"""Behind a company's proxy and certificate authority, every outbound call follows one policy.

The stand-ins have names that no DNS knows, so a call without the proxy would fail.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.cli.stage import open_stage
from bot.sandbox.faults import Fault
from bot.sandbox.person import SlackSocketSide
from bot.sandbox.workspace import Workspace
from bot.wiring.timings import Timings
from tests.forward_proxy import DOMAIN, ForwardProxy
from tests.polling import until
from tests.ports import free_port
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, Scene, assert_failed, assert_raw
from tests.tls import AUTHORITY, server_tls

SLACK, POLYAI, PLATFORM = (f"{name}.{DOMAIN}" for name in ("slack", "polyai", "platform"))


@asynccontextmanager
async def behind(
    url: str,
    timings: Timings,
    *,
    domain: str | None = DOMAIN,
    over_socket: bool = False,
    **environ: str,
) -> AsyncIterator[Scene]:
    workspace = Workspace()
    token = {"SLACK_APP_TOKEN": workspace.app_token} if over_socket else {}
    async with open_stage(
        url,
        environment={"SSL_CERT_FILE": str(AUTHORITY), **token, **environ},
        workspace=workspace,
        timings=timings,
        has_platform=True,
        tls=server_tls(),
        domain=domain,
    ) as stage:
        if over_socket:
            await stage.slack.socket_mode.connected()
        people = SlackSocketSide(stage.slack) if over_socket else stage.people
        yield Scene(replace(stage, people=people))


@pytest.mark.parametrize("over_socket", [False, True])
async def test_every_call_goes_through_the_proxy(scene_url, timings, *, over_socket):
    async with (
        ForwardProxy(login="callaudio:s3cret") as proxy,
        behind(scene_url, timings, over_socket=over_socket, HTTPS_PROXY=proxy.url) as scene,
    ):
        await scene.grant()
        assert_raw(await scene.ask())
        # A refusal is sent by the command's response URL.
        refused = await scene.ask(scene.another_call(), user=BOB)
        assert refused.note.via == "response_url"
        assert (await scene.people.global_shortcut(ALICE)).arrived
        await until(lambda: proxy.tunnels[PLATFORM] or None)

    assert proxy.tunnels[SLACK] >= (2 if over_socket else 1)
    assert proxy.tunnels[POLYAI] >= 1
    assert proxy.other_requests == []


async def test_hosts_in_no_proxy_are_called_directly(scene_url, timings):
    nobody = f"http://127.0.0.1:{free_port()}"
    async with behind(
        scene_url, timings, domain=None, HTTPS_PROXY=nobody, NO_PROXY="10.0.0.0/8, 127.0.0.1"
    ) as scene:
        await scene.grant()
        assert_raw(await scene.ask())


@pytest.mark.parametrize("place", ["http://files.slack.com/upload", "https://example.com/upload"])
async def test_a_recording_is_never_sent_to_a_host_outside_slack(scene, place):
    await scene.grant()
    body = b'{"ok": true, "file_id": "F0STRANGE0", "upload_url": "%s"}' % place.encode()
    json_type = {"Content-Type": "application/json"}
    scene.slack.faults.add(
        Fault("files.getUploadURLExternal", body=body, headers=json_type, times=9)
    )

    seen = await scene.ask(CALL)

    assert_failed(seen, "slack_upload_place_refused", "I sent nothing")
    assert place not in seen.told
    assert [m for m in scene.workspace.messages(CHANNEL) if m.files] == []
