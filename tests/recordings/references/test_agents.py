"""The configured agent of a reference: a link chooses one of them and adds none."""

import json
from dataclasses import replace

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
        (Reference(CALL), "default"),
        (Reference(CALL, agent_name="sales"), "sales"),
        (Reference(CALL, agent_name="default"), "default"),
        (link("PROJECT-SALES", "eu"), "sales"),
        (link("PROJECT-MAIN", "us"), "default"),
        (link("PROJECT-MAIN", "uk"), "twin"),
        (Reference(CALL, project="PROJECT-SALES"), "sales"),
        (Reference(CALL, agent_name="sales", project="PROJECT-MAIN"), "sales"),
    ],
)
def test_a_typed_name_chooses_the_agent_then_the_project_and_region_of_a_link(reference, chosen):
    assert choose_agent(AGENTS, reference).name == chosen


TYPED = "Use the default agent or `sales`, `twin`."
OF_THE_OPERATOR = "Ask the callaudio operator to add the agent to POLYAI_AGENTS."


@each_row(
    ("reference", "what", "fix"),
    [
        (Reference(CALL, agent_name="support"), "`support`", TYPED),
        (link("PROJECT-OTHER", "us"), "an agent or a region", OF_THE_OPERATOR),
        (link("PROJECT-SALES", "us"), "an agent or a region", OF_THE_OPERATOR),
    ],
)
def test_an_agent_that_is_not_configured_is_refused_and_no_project_is_named(reference, what, fix):
    with pytest.raises(AgentNotConfigured) as refused:
        choose_agent(AGENTS, reference)
    assert what in refused.value.what
    assert refused.value.fix == fix
    assert "PROJECT" not in refused.value.what + refused.value.likely_cause


def test_without_named_agents_the_refusal_suggests_the_default_one():
    with pytest.raises(AgentNotConfigured, match="`sales`") as refused:
        choose_agent({DEFAULT_AGENT: AGENTS[DEFAULT_AGENT]}, Reference(CALL, agent_name="sales"))
    assert refused.value.fix == "Use the default agent."


REQUIRED = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "secret",
    "POLYAI_REGION": "eu",
    "POLYAI_AGENT_ID": "PROJECT-MAIN",
    "POLYAI_API_KEY": "plainKey1",
    "POLYAI_AGENTS": json.dumps(
        {
            "near": {"agent_id": "PROJECT-NEAR", "region": "eu", "api_key": "plainKey2"},
            "far": {
                "agent_id": "PROJECT-FAR",
                "region": "us",
                "api_key": "plainKey3",
                "pii_api_key": "rawKey3",
            },
        }
    ),
}
ACCOUNT = {"POLYAI_ACCOUNT_ID": "ws-1", "POLYAI_PLATFORM_API_KEY": "platformKey"}


def test_each_agent_has_its_own_region_and_keys_and_no_raw_key_unless_given():
    def keyed(each, plain, raw=None):
        return replace(each, api_key=SecretStr(plain), pii_api_key=raw and SecretStr(raw))

    agents = {
        "default": keyed(agent("default", "PROJECT-MAIN", "eu"), "plainKey1"),
        "near": keyed(agent("near", "PROJECT-NEAR", "eu"), "plainKey2"),
        "far": keyed(agent("far", "PROJECT-FAR"), "plainKey3", "rawKey3"),
    }
    assert build_agents(load_settings(REQUIRED)) == agents
    default = keyed(agents["default"], "plainKey1", "rawKey1")
    with_raw_key = build_agents(load_settings(REQUIRED | {"POLYAI_PII_API_KEY": "rawKey1"}))
    assert with_raw_key == {**agents, "default": default}
    url = "https://gateway.example"
    elsewhere = build_agents(load_settings(REQUIRED | {"POLYAI_API_URL": url}))
    assert {each.base_url for each in elsewhere.values()} == {url}


def test_an_account_lists_the_agents_of_its_region_at_its_own_host_or_the_url_that_is_set():
    agents = build_agents(load_settings(REQUIRED))
    assert [each.platform for each in agents.values()] == [None, None, None]

    agents = build_agents(load_settings(REQUIRED | ACCOUNT))
    platform = agents["default"].platform
    assert agents["near"].platform == platform
    assert agents["far"].platform is None
    host = "https://api.euw-1.platform.polyai.app"
    assert (platform.account_id, platform.base_url) == ("ws-1", host)
    assert "platformKey" not in repr(agents)

    url = "http://127.0.0.1:8080"
    agents = build_agents(load_settings(REQUIRED | ACCOUNT | {"POLYAI_PLATFORM_URL": url}))
    assert agents["default"].platform.base_url == url
