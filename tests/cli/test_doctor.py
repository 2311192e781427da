"""`callaudio doctor` on the stand-ins: what it finds, and what it must not show."""

import json
from collections.abc import AsyncIterator, Mapping

import pytest

from bot.cli.doctor import Finding, State, examine
from bot.cli.stage import (
    ACCOUNT_ID,
    AGENT_ID,
    PLAIN_KEY,
    PLATFORM_KEY,
    RAW_KEY,
    environment_of,
    platform_environment_of,
)
from bot.environment import load_settings
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.slack.web_api.scopes import REQUIRED, WITHOUT

APPROVALS = "C0APPROVE0"


@pytest.fixture
def workspace() -> Workspace:
    return Workspace(scopes=REQUIRED | set(WITHOUT))


@pytest.fixture
async def polyai() -> AsyncIterator[PolyAISandbox]:
    async with PolyAISandbox() as polyai:
        polyai.add_key(PLAIN_KEY)
        polyai.add_key(RAW_KEY, pii=True)
        polyai.add_platform_key(PLATFORM_KEY, account_id=ACCOUNT_ID, agents=[AGENT_ID])
        polyai.add_call("CALL-1", agent_id=AGENT_ID)
        yield polyai


@pytest.fixture
async def environ(
    workspace: Workspace, polyai: PolyAISandbox, sqlite_url: str
) -> AsyncIterator[dict[str, str]]:
    async with SlackSandbox(workspace) as slack:
        yield {**environment_of(workspace, slack, polyai), "DATABASE_URL": sqlite_url}


async def found(environ: Mapping[str, str], **changes: str) -> dict[str, Finding]:
    settings = load_settings({k: v for k, v in {**environ, **changes}.items() if v})
    return {each.what: each async for each in examine(settings)}


async def test_nothing_is_wrong_with_a_complete_set_up(environ: dict[str, str]) -> None:
    findings = await found(environ)

    assert {each.state for each in findings.values()} == {State.OK, State.SET}
    assert findings["raw key of default"].says == "opens the agent"
    assert findings["audience rule"].says.startswith("cleared")


@pytest.mark.parametrize(
    ("changes", "what", "fix"),
    [
        ({"POLYAI_API_KEY": "wrongKey1"}, "plain key of default", "POLYAI_REGION"),
        ({"POLYAI_PII_API_KEY": "wrongKey2"}, "raw key of default", "POLYAI_REGION"),
        ({"POLYAI_AGENT_ID": "PROJECT-OTHER"}, "plain key of default", "POLYAI_AGENT_ID"),
        ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, "Slack", "token"),
    ],
)
async def test_each_thing_that_is_wrong_is_told_with_its_fix_and_without_its_secret(
    environ: dict[str, str], changes: dict[str, str], what: str, fix: str
) -> None:
    findings = await found(environ, **changes)

    assert findings[what].state is State.WRONG
    assert fix in findings[what].fix
    told = json.dumps([str(each) for each in findings.values()])
    assert not [
        secret
        for secret in (*changes.values(), PLAIN_KEY, RAW_KEY)
        if "Key" in secret and secret in told
    ]
    assert "xoxb" not in told


async def test_an_unmigrated_database_is_told_with_the_command(
    environ: dict[str, str], tmp_path: object
) -> None:
    findings = await found(environ, DATABASE_URL=f"sqlite:///{tmp_path}/new.db")

    assert "callaudio migrate" in findings["migrations"].fix


async def test_without_a_raw_key_it_says_what_that_means(environ: dict[str, str]) -> None:
    findings = await found(environ, POLYAI_PII_API_KEY="")

    assert findings["raw key of default"] == Finding(
        "raw key of default", State.SET, "none: raw is never delivered"
    )


async def test_missing_scopes_are_named_and_optional_ones_explained(sqlite_url: str) -> None:
    workspace = Workspace(scopes=REQUIRED - {"users:read"})
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        polyai.add_key(PLAIN_KEY)
        environ = {**environment_of(workspace, slack, polyai), "DATABASE_URL": sqlite_url}
        findings = await found(environ)

    assert findings["scopes"].says == "missing: users:read"
    assert findings["optional scope channels:join"].state is State.SET


@pytest.mark.parametrize(
    ("channel", "state", "says"),
    [
        pytest.param({}, State.OK, "the bot can ask there", id="the bot is in it"),
        pytest.param({"is_private": True}, State.OK, "can ask", id="a private one, too"),
        pytest.param({"bot_is_member": False}, State.WRONG, "not in it", id="the bot is outside"),
        pytest.param(
            {"bot_is_member": False, "is_private": True},
            State.WRONG,
            "",
            id="a private one the bot cannot see",
        ),
        pytest.param(
            {"is_ext_shared": True}, State.WRONG, "another organisation", id="outsiders read along"
        ),
        pytest.param(
            {"is_pending_ext_shared": True}, State.WRONG, "another organisation", id="soon they do"
        ),
        pytest.param(
            {"omit": ("is_ext_shared",)},
            State.WRONG,
            "another organisation",
            id="Slack does not tell whether they do",
        ),
        pytest.param({"is_archived": True}, State.WRONG, "archived", id="nobody can post there"),
        pytest.param(None, State.WRONG, "", id="there is none of that id"),
    ],
)
async def test_the_approvals_channel_is_looked_at(
    workspace: Workspace,
    environ: dict[str, str],
    channel: dict[str, object] | None,
    state: State,
    says: str,
) -> None:
    if channel is not None:
        workspace.add_channel(APPROVALS, members=[workspace.bot_user_id], **channel)

    finding = (await found(environ, CALLAUDIO_APPROVALS_CHANNEL=APPROVALS))["approvals channel"]

    assert (finding.state, bool(finding.fix)) == (state, state is State.WRONG)
    assert says in finding.says


async def test_without_an_approvals_channel_it_says_what_that_means(
    environ: dict[str, str],
) -> None:
    finding = (await found(environ))["approvals channel"]

    assert (finding.state, "direct messages" in finding.says) == (State.SET, True)


async def test_the_list_of_an_account_is_asked_for_one_call_with_its_own_key(
    environ: dict[str, str], polyai: PolyAISandbox
) -> None:
    finding = (await found(environ, **platform_environment_of(polyai)))["calls of default"]

    assert (finding.state, finding.fix) == (State.OK, "")
    assert finding.says == "digests and Find a call read the v3 list"
    (asked,) = polyai.platform.requests
    assert (asked.key_kind, asked.query["limit"]) == ("platform", "1")


@pytest.mark.parametrize(
    ("changes", "agents", "says", "fix"),
    [
        pytest.param(
            {"POLYAI_PLATFORM_API_KEY": "wrongKey3"},
            [AGENT_ID],
            "platform key",
            ("POLYAI_PLATFORM_API_KEY", "POLYAI_REGION"),
            id="401: another key, or one of another region",
        ),
        pytest.param(
            {}, ["PROJECT-OTHER"], "platform key", ("covers this agent",), id="403: other agents"
        ),
        pytest.param(
            {"POLYAI_ACCOUNT_ID": "ws-other"},
            [AGENT_ID],
            "configured account",
            ("POLYAI_ACCOUNT_ID", "POLYAI_REGION"),
            id="404: another account",
        ),
        pytest.param(
            {"POLYAI_AGENT_ID": "PROJECT-OTHER"},
            [AGENT_ID],
            "configured account",
            ("POLYAI_ACCOUNT_ID", "agent's id"),
            id="404: another agent",
        ),
    ],
)
async def test_a_list_that_cannot_be_read_is_told_with_what_to_mend(
    environ: dict[str, str],
    polyai: PolyAISandbox,
    changes: dict[str, str],
    agents: list[str],
    says: str,
    fix: tuple[str, ...],
) -> None:
    polyai.add_platform_key(PLATFORM_KEY, account_id=ACCOUNT_ID, agents=agents)

    findings = await found(environ, **{**platform_environment_of(polyai), **changes})

    finding = findings["calls of default"]
    assert finding.state is State.WRONG
    assert says in finding.says
    assert not [each for each in fix if each not in finding.fix]
    told = str(list(findings.values()))
    assert not [key for key in (PLATFORM_KEY, "wrongKey3", PLAIN_KEY) if key in told]


async def test_another_host_than_the_platform_s_is_told_with_what_to_mend(
    environ: dict[str, str], polyai: PolyAISandbox
) -> None:
    changes = {**platform_environment_of(polyai), "POLYAI_PLATFORM_URL": polyai.url}

    finding = (await found(environ, **changes))["calls of default"]

    assert finding.state is State.WRONG
    assert "POLYAI_PLATFORM_URL" in finding.fix
    assert "POLYAI_REGION" in finding.fix


async def test_without_an_account_it_says_that_the_older_list_is_read(
    environ: dict[str, str], polyai: PolyAISandbox
) -> None:
    finding = (await found(environ))["calls of default"]

    assert finding.state is State.SET
    assert "v1 list: POLYAI_ACCOUNT_ID and POLYAI_PLATFORM_API_KEY are not set" in finding.says
    assert polyai.platform.requests == []


async def test_an_agent_of_another_region_is_read_from_the_older_list(
    environ: dict[str, str], polyai: PolyAISandbox
) -> None:
    sales = {"agent_id": AGENT_ID, "region": "eu", "api_key": PLAIN_KEY}
    more = {"POLYAI_AGENTS": json.dumps({"sales": sales})}

    findings = await found(environ, **platform_environment_of(polyai), **more)

    assert findings["calls of default"].state is State.OK
    assert findings["calls of sales"].state is State.SET
    assert "v1 list: the agent is in another region" in findings["calls of sales"].says
