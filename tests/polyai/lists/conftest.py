"""A PolyAI with both lists, and an agent whose calls are in one of them."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.polyai.agents import Agent, Platform
from tests.polyai.conftest import AGENT, agent_of

HOUR = timedelta(hours=1)


@pytest.fixture(params=["v1", "v3"])
def agent(request, polyai):
    return agent_of(polyai, request.param)


def scripted(server, kind):
    """An agent whose list is whatever a `ScriptedServer` answers."""
    key = SecretStr("plainKey")
    platform = Platform("ws-1", server.url, key) if kind == "v3" else None
    return Agent("default", AGENT, "us", server.url, key, None, platform)
