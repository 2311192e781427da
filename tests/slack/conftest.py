"""A Slack workspace on loopback, and the bot's ways to speak to it."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.polyai.transport import build_http_client
from bot.sandbox.faults import Fault
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.slack.recordings.gateway import SlackGateway
from bot.slack.web_api.api import SlackApi, build_client, build_session
from bot.slack.web_api.identity import Identity
from tests.conftest import NOON

ALICE, BOB, CHANNEL = "U0ALICE00", "U0BOB0000", "C0QUALITY0"


def answering(route: str, times: int = 1, **fields: object) -> Fault:
    """Make the stand-in answer with these fields."""
    body = json.dumps({"ok": True, **fields}).encode()
    return Fault(route, body=body, headers={"Content-Type": "application/json"}, times=times)


@pytest.fixture
def workspace() -> Workspace:
    workspace = Workspace()
    for user_id in (ALICE, BOB):
        workspace.add_user(user_id)
    workspace.add_channel(CHANNEL, members=[ALICE])
    return workspace


@pytest.fixture
async def slack(workspace: Workspace) -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(workspace) as slack:
        yield slack


@pytest.fixture
def waits() -> list[float]:
    """Record the waits before retries, without waiting."""
    return []


@pytest.fixture
async def api(
    slack: SlackSandbox, workspace: Workspace, waits: list[float]
) -> AsyncIterator[SlackApi]:
    async def note(seconds: float) -> None:
        waits.append(seconds)

    async with build_session() as session:
        yield SlackApi(build_client(workspace.bot_token, slack.url, session), sleep=note)


@pytest.fixture
def identity(api: SlackApi, workspace: Workspace) -> Identity:
    return Identity(api, token=workspace.bot_token, clock=lambda: NOON)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with build_http_client(4) as http:
        yield http


@pytest.fixture
def gateway(api: SlackApi, http: httpx.AsyncClient) -> SlackGateway:
    return SlackGateway(api, http)
