"""Socket Mode connects to Slack only, because what arrives over it is not signed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from slack_bolt.async_app import AsyncApp
from structlog.testing import capture_logs

from bot.network.outbound import direct
from bot.observability.metrics import Metrics
from bot.sandbox.faults import Fault
from bot.sandbox.slack_server import SlackSandbox
from bot.slack.socket_mode import CLOSE_SECONDS, ELSEWHERE, SocketMode
from bot.slack.web_api.api import build_client, build_session
from tests.polling import until
from tests.polyai.scripted_server import ScriptedServer, answer
from tests.slack.conftest import answering
from tests.tcp_relay import LOOPBACK, TcpRelay

pytestmark = pytest.mark.usefixtures("api")


@asynccontextmanager
async def socket_mode(slack: SlackSandbox) -> AsyncIterator[SocketMode]:
    token = slack.workspace.app_token
    async with build_session() as session:
        client = build_client(token, slack.url, session)
        app = AsyncApp(client=client, signing_secret="secret", request_verification_enabled=False)
        yield SocketMode(app, token, client, Metrics(), direct())


async def test_a_connection_to_another_host_is_not_opened(slack, caplog):
    caplog.set_level(logging.ERROR)
    async with ScriptedServer(answers=[answer()]) as stranger, socket_mode(slack) as socket:
        url = stranger.url.replace("http://127.0.0.1", "ws://localhost")
        slack.faults.add(answering("apps.connections.open", url=f"{url}/link"))
        opening = asyncio.create_task(socket.open())

        await until(lambda: ELSEWHERE in caplog.text)

        assert stranger.asked == []
        assert not await socket.is_open()
        opening.cancel()
        await socket.close()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        pytest.param({"error": "access_denied"}, "Slack answers `access_denied`.", id="refused"),
        pytest.param(
            {"error": "invalid_auth"},
            "Slack does not accept SLACK_APP_TOKEN: it answers `invalid_auth`.",
            id="another token",
        ),
        pytest.param(
            {"error": "missing_scope"},
            "SLACK_APP_TOKEN lacks connections:write: Slack answers `missing_scope`.",
            id="a token without the scope",
        ),
        pytest.param({"drop_connection": True}, None, id="cut off"),
        pytest.param({"hang": True}, None, id="no answer"),
    ],
)
async def test_startup_does_not_wait_for_an_unreachable_slack(slack, caplog, fault, cause):
    slack.faults.add(Fault("apps.connections.open", times=20, **fault))
    async with socket_mode(slack) as socket:
        with capture_logs() as logs:
            await socket.open(open_seconds=0.2)
            assert not await socket.is_open()
            await socket.close()
    slack.faults.clear()
    told = {log["event"]: log for log in logs}
    assert told["socket_still_opening"]["log_level"] == "warning"
    if cause:
        assert told["socket_not_opened"]["cause"] == cause
    assert "Traceback" not in caplog.text
    assert "Failed to retrieve WSS URL" not in caplog.text


async def test_a_stop_does_not_wait_for_a_network_that_is_dead(slack):
    port = urlsplit(slack.url).port
    relay = TcpRelay(lambda: asyncio.open_connection(LOOPBACK, port))
    async with relay, socket_mode(slack) as socket:
        slack.workspace.origin = f"http://{LOOPBACK}:{relay.port}"  # that of the connection alone
        await socket.open()
        assert await socket.is_open()
        assert relay.connections == 1
        relay.freeze()
        with capture_logs() as logs:
            async with asyncio.timeout(CLOSE_SECONDS + 5):
                await socket.close()

        assert [log["event"] for log in logs] == ["socket_cut"]
        assert not await socket.is_open()
