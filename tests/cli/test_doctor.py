"""`callaudio doctor` on the stand-ins: what it finds, and what it must not show."""

import json
from collections.abc import AsyncIterator, Mapping

import pytest

from bot.cli.doctor import Finding, State, examine
from bot.cli.stage import PLAIN_KEY, RAW_KEY, environment_of
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
async def environ(workspace: Workspace, sqlite_url: str) -> AsyncIterator[dict[str, str]]:
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        polyai.add_key(PLAIN_KEY)
        polyai.add_key(RAW_KEY, pii=True)
        polyai.add_call("CALL-1", agent_id="PROJECT-SANDBOX")
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
