"""A Slack workspace with one of each, a caller that speaks its Web API, and an app with people."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from aiohttp import web

from bot.sandbox.person import SlackClientSide
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from tests.loopback import http_client

PUBLIC, PRIVATE, ARCHIVED, FOREIGN = "C0PUBLIC01", "C0PRIVATE1", "C0ARCHIVED", "C0FOREIGN1"

TITLE = {"type": "plain_text", "text": "T"}
MODAL = {"type": "modal", "title": TITLE, "submit": TITLE, "blocks": [], "private_metadata": "ids"}


@dataclass
class SlackApi:
    """The Web API as a plain client sees it."""

    http: httpx.AsyncClient
    slack: SlackSandbox
    workspace: Workspace

    async def __call__(self, method: str, token: str | None = None, **arguments: Any):
        headers = {"Authorization": f"Bearer {token or self.workspace.bot_token}"}
        url = self.slack.url + method
        return (await self.http.post(url, json=arguments, headers=headers)).json()

    async def uploaded(self, content: bytes = b"RIFFdata", name: str = "a.wav") -> str:
        """A file uploaded, not yet completed."""
        begun = await self("files.getUploadURLExternal", filename=name, length=len(content))
        answer = await self.http.post(begun["upload_url"], content=content)
        assert answer.text == f"OK - {len(content)}"
        return begun["file_id"]


@pytest.fixture
def workspace():
    workspace = Workspace()
    for user in ("U0ALICE", "U0BOB"):
        workspace.add_user(user)
    workspace.add_user("U0GUEST", is_restricted=True)
    workspace.add_user("U0ROBOT", is_bot=True)
    workspace.add_user("U0GONE", deleted=True)
    workspace.add_channel(PUBLIC, members=["U0ALICE", "U0BOB"])
    workspace.add_channel(PRIVATE, members=["U0ALICE"], is_private=True, bot_is_member=False)
    workspace.add_channel(ARCHIVED, members=["U0ALICE"], is_archived=True)
    workspace.add_channel(FOREIGN, members=["U0ALICE"], bot_is_member=False)
    return workspace


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(timeout=10) as client:
        yield client


@pytest.fixture
async def slack(workspace) -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(workspace) as slack:
        yield slack


@pytest.fixture
def api(http, slack, workspace) -> SlackApi:
    return SlackApi(http, slack, workspace)


class App:
    """A server that keeps what it got and acks with ``answer``."""

    def __init__(self):
        self.got = []
        self.answer = lambda: web.Response(text="on it")

    @property
    def payloads(self):
        """The interactions it got."""
        return [json.loads(parse_qs(body)["payload"][0]) for _, body in self.got]

    async def handle(self, request):
        self.got.append((request.headers.copy(), await request.text()))
        return self.answer()


@pytest.fixture
async def app():
    app = App()
    server = web.Application()
    server.router.add_post("/slack/events", app.handle)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield app
    await runner.cleanup()


@pytest.fixture
def people(slack, app):
    return SlackClientSide(slack.workspace, app.url)


async def open_modal(api, workspace):
    trigger = workspace.issue_trigger("U0ALICE")
    return await api("views.open", trigger_id=trigger, view=MODAL)
