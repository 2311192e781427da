from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from bot.polyai.agents import Agent, Platform
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.polyai.transport import build_http_client
from bot.sandbox.polyai_server import PolyAISandbox
from tests.polyai.scripted_server import ScriptedServer

AGENT = "PROJECT-SANDBOX"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
async def polyai():
    async with PolyAISandbox() as polyai:
        polyai.add_key("plain")
        polyai.add_key("raw", pii=True)
        polyai.agents.add(AGENT)
        polyai.add_platform_key("platform", account_id="ws-1", agents=[AGENT])
        yield polyai


@pytest.fixture
async def server():
    async with ScriptedServer() as running:
        yield running


@pytest.fixture
def agent(server):
    return Agent(
        name="sales",
        agent_id="PROJECT-58RP822I",
        region="eu",
        base_url=server.url,
        api_key=SecretStr("plainKeyPlainKeyPlainKey00000001"),
        pii_api_key=SecretStr("rawKeyRawKeyRawKeyRawKey00000002"),
    )


@pytest.fixture
def waits():
    return []


@pytest.fixture
async def client(waits):
    async def no_sleep(seconds):
        waits.append(seconds)

    async with build_http_client(4) as http:
        yield PolyAIClient(HttpGet(http, clock=lambda: NOW, sleep=no_sleep))


def agent_of(polyai, kind, *, key="plain", platform_key="platform", account="ws-1", agent=AGENT):
    platform = Platform(account, polyai.platform.origin, SecretStr(platform_key))
    return Agent(
        name="default",
        agent_id=agent,
        region="us",
        base_url=polyai.url,
        api_key=SecretStr(key),
        pii_api_key=SecretStr("raw"),
        platform=platform if kind == "v3" else None,
    )
