"""The configured agent of a reference: a link chooses one of them and adds none."""

import json

import pytest
from pydantic import SecretStr

from bot.polyai.agents import BUILD_HOSTS, Agent
from bot.recordings.references.agents import (
    DEFAULT_AGENT,
    AgentNotConfigured,
    build_agents,
    choose_agent,
)
from bot.recordings.references.reference import Reference, parse_reference
from bot.settings.environment import load_settings
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
STUDIO = "https://studio.{region}.poly.ai/acme/{project}/conversations/" + CALL


def agent(name, project, region="us"):
    return Agent(
        name=name,
        agent_id=project,
        region=region,
        base_url=BUILD_HOSTS[region],
        api_key=SecretStr("plainKeyPlainKeyPlainKey00000001"),
        pii_api_key=None,
    )


AGENTS = {
    each.name: each
    for each in (
        agent(DEFAULT_AGENT, "PROJECT-MAIN"),
        agent("sales", "PROJECT-SALES", "eu"),
        agent("twin", "PROJECT-MAIN", "uk"),
    )
}


def link(project, region):
    return parse_reference(STUDIO.format(region=region, project=project))


@each_row(
    ("reference", "chosen"),
    [
        pytest.param(Reference(CALL), "default", id="a bare id is the default agent's"),
        pytest.param(Reference(CALL, agent_name="sales"), "sales", id="a name is that agent's"),
        pytest.param(
            Reference(CALL, agent_name="default"), "default", id="the default one has a name too"
        ),
        pytest.param(link("PROJECT-SALES", "eu"), "sales", id="a link is its project's"),
        pytest.param(link("PROJECT-MAIN", "us"), "default", id="one project, the link's region"),
        pytest.param(link("PROJECT-MAIN", "uk"), "twin", id="one project, the other region"),
        pytest.param(
            Reference(CALL, project="PROJECT-SALES"), "sales", id="a link that names no region"
        ),
        pytest.param(
            Reference(CALL, agent_name="sales", project="PROJECT-MAIN"),
            "sales",
            id="what was typed beats a project",
        ),
    ],
)
def test_each_reference_has_its_agent(reference, chosen):
    assert choose_agent(AGENTS, reference).name == chosen


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        (Reference(CALL, agent_name="support"), "`support`"),
        (link("PROJECT-OTHER", "us"), "an agent or a region"),
        (link("PROJECT-SALES", "us"), "an agent or a region"),
    ],
)
def test_an_agent_that_is_not_configured_is_refused(reference, what):
    with pytest.raises(AgentNotConfigured) as refused:
        choose_agent(AGENTS, reference)
    assert what in refused.value.what
    assert refused.value.code == "agent_not_configured"
    assert refused.value.fix


def test_the_refusal_names_the_agents_that_can_be_typed_and_no_project():
    with pytest.raises(AgentNotConfigured) as refused:
        choose_agent(AGENTS, Reference(CALL, agent_name="support"))
    assert refused.value.fix == "Use the default agent or `sales`, `twin`."
    with pytest.raises(AgentNotConfigured) as refused:
        choose_agent({DEFAULT_AGENT: AGENTS[DEFAULT_AGENT]}, Reference(CALL, agent_name="sales"))
    assert refused.value.fix == "Use the default agent."
    assert "PROJECT" not in str(refused.value) + refused.value.what + refused.value.fix


REQUIRED = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "secret",
    "POLYAI_REGION": "eu",
    "POLYAI_AGENT_ID": "PROJECT-MAIN",
    "POLYAI_API_KEY": "plainKey1",
    "POLYAI_AGENTS": json.dumps(
        {
            "near": {"agent_id": "PROJECT-NEAR", "region": "eu", "api_key": "plainKey2"},
            "far": {"agent_id": "PROJECT-FAR", "region": "us", "api_key": "plainKey3"},
        }
    ),
}
ACCOUNT = {"POLYAI_ACCOUNT_ID": "ws-1", "POLYAI_PLATFORM_API_KEY": "platformKey"}


def test_without_an_account_every_agent_uses_the_v1_list():
    agents = build_agents(load_settings(REQUIRED))
    assert [each.platform for each in agents.values()] == [None, None, None]


def test_an_account_lists_the_agents_of_its_region():
    agents = build_agents(load_settings(REQUIRED | ACCOUNT))
    assert agents["default"].platform == agents["near"].platform
    assert agents["default"].platform.base_url == "https://api.euw-1.platform.polyai.app"
    assert agents["default"].platform.account_id == "ws-1"
    assert agents["far"].platform is None
    assert "platformKey" not in repr(agents)


def test_the_platform_url_can_be_set():
    url = "http://127.0.0.1:8080"
    agents = build_agents(load_settings(REQUIRED | ACCOUNT | {"POLYAI_PLATFORM_URL": url}))
    assert agents["default"].platform.base_url == url
