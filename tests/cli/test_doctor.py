"""`callaudio doctor` on the stand-ins: what it finds, and what it must not show."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.cli.checks.finding import Finding, Status
from bot.cli.checks.polyai import NOT_SHOWN
from bot.cli.checks.rights import MOST_ASKED
from bot.cli.checks.samples import messages, views
from bot.cli.checks.store import NO_TABLES
from bot.cli.doctor import examine
from bot.cli.doctor_report import report
from bot.cli.stage import AGENT_ID, PLAIN_KEY, RAW_KEY, environment_of, platform_environment_of
from bot.jobs.sqlite_worker_lock import SqliteWorkerLock
from bot.recordings.references.reference import parse_reference
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.settings.environment import load_settings
from bot.slack.web_api.scopes import REQUIRED, WITHOUT
from bot.store.database import Database
from bot.wiring.clock import utc_now
from tests.cli.stand_ins import SPOKEN, stand_ins
from tests.forward_proxy import ForwardProxy
from tests.pgbouncer import needs_pgbouncer, pooled
from tests.tls import AUTHORITY

APPROVALS = "C0APPROVE0"


@pytest.fixture
def workspace() -> Workspace:
    workspace = Workspace(scopes=REQUIRED | set(WITHOUT))
    workspace.add_user("U0FIRST000")
    return workspace


@pytest.fixture
async def both_sides(workspace: Workspace) -> AsyncIterator[tuple[SlackSandbox, PolyAISandbox]]:
    async with stand_ins(workspace) as both:
        yield both


@pytest.fixture
def slack(both_sides) -> SlackSandbox:
    return both_sides[0]


@pytest.fixture
def polyai(both_sides) -> PolyAISandbox:
    return both_sides[1]


@pytest.fixture
def environ(
    workspace: Workspace, slack: SlackSandbox, polyai: PolyAISandbox, sqlite_url: str
) -> dict[str, str]:
    return {**environment_of(workspace, slack, polyai), "DATABASE_URL": sqlite_url}


async def found(
    environ: Mapping[str, str], conversation: str | None = None, **changes: str
) -> dict[str, Finding]:
    settings = load_settings({k: v for k, v in {**environ, **changes}.items() if v})
    reference = parse_reference(conversation) if conversation else None
    return {each.what: each for each in await examine(settings, reference)}


def next_step(findings: Mapping[str, Finding]) -> str:
    """Return the last line of what is printed."""
    return report([*findings.values()], width=None, shows_all=False).splitlines()[-1]


async def test_nothing_is_wrong_with_a_complete_set_up_and_findings_are_in_its_order(environ):
    findings = await found(environ)

    assert {each.state for each in findings.values()} == {Status.OK, Status.SET}
    assert findings["raw key of default"].says == "opens the agent"
    assert findings["audience rule"].says.startswith("cleared")
    assert findings["Slack"].says == "accepts the bot token, of workspace T0CALLAUDIO"
    before = ["proxy", "admins", "database", "worker", "Slack", "conversations"]
    after = ["plain key of default", "who may hear raw", "redaction for default"]
    assert [name for name in findings if name in (*before, *after)] == [*before, *after]


async def test_what_is_left_out_of_the_settings_is_explained_by_its_consequence(environ, polyai):
    findings = await found(environ, CALLAUDIO_ADMINS="", POLYAI_PII_API_KEY="")

    for what, says in {
        "admins": "CALLAUDIO_ADMINS is empty: nobody can give rights in Slack",
        "approvals channel": "none: admins are asked in their direct messages",
        "raw key of default": "none: raw is never delivered",
        "calls of default": "v1 list: POLYAI_ACCOUNT_ID and POLYAI_PLATFORM_API_KEY are not set",
        "proxy": "none: HTTPS_PROXY is not set",
        "trusted authorities": "browsers",
    }.items():
        assert (findings[what].state, says in findings[what].says) == (Status.SET, True)
    assert "Copy member ID" in findings["admins"].fix
    assert "who may hear raw" not in findings
    assert polyai.platform.requests == []


async def test_a_right_of_another_workspace_or_a_denied_or_ended_one_does_not_count(environ, run):
    who = ("--user", "U0BOB0000", "--reason", "review")
    await asyncio.to_thread(run, "grants", "add", "--team", "T0ELSE", *who)
    await asyncio.to_thread(run, "grants", "deny", "--team", "T0CALLAUDIO", *who)
    findings = await found(environ)
    assert findings["who may hear raw"].says == "nobody yet: every recording is redacted"


async def test_each_step_is_named_and_last_that_a_call_has_to_show_the_keys(
    environ, polyai, workspace, run
):
    polyai.calls.clear()

    async def step(*call: str) -> str:
        return next_step(await found(environ, *call))

    assert (await step()).startswith("Next: admins. Set CALLAUDIO_ADMINS to your own id")
    environ["CALLAUDIO_ADMINS"] = "U0FIRST000"
    assert await step() == (
        "Next: worker. Start `callaudio run`, or `callaudio web` and `callaudio worker`. "
        "On one machine the two need different ports: `PORT=… callaudio worker`."
    )
    worker = SqliteWorkerLock.acquire(Path(environ["DATABASE_URL"].removeprefix("sqlite:///")))
    assert (await step()).startswith("Next: conversations. Type `/invite @callaudio`")
    workspace.add_channel("C0HERE0000", is_private=True)
    grant = await step()
    assert grant.startswith("Next: who may hear raw. callaudio grants add ")
    _, *arguments = shlex.split(grant.partition(". ")[2])
    assert {"T0CALLAUDIO", "U0FIRST000"} <= set(arguments)
    assert (await asyncio.to_thread(run, *arguments)).exit_code == 0
    may_hear = (await found(environ))["who may hear raw"]
    assert may_hear == Finding("who may hear raw", Status.OK, "1 person or group")
    assert await step() == (
        "Next: redaction for default. Once there is a call in which something is muted, run "
        "`callaudio doctor --conversation CA…`."
    )
    polyai.add_call("CALL-1", agent_id=AGENT_ID, **SPOKEN)
    assert (await step("CALL-1")).startswith("Everything is set up.")
    worker.release()


async def test_a_missing_database_file_is_named_and_not_created(environ, tmp_path):
    new = f"sqlite:///{tmp_path}/new.db"
    findings = await found(environ, DATABASE_URL=new, CALLAUDIO_ADMINS="U0FIRST000")
    missing = findings["database"]
    assert missing.state is Status.SET
    assert missing.says == f"{NO_TABLES}; the file {tmp_path}/new.db does not exist"
    assert next_step(findings) == (
        "Next: database. Start `callaudio run`; it creates the file. "
        "If callaudio has run before, check DATABASE_URL and the current folder."
    )
    assert findings["worker"].says == "can be checked after: database"
    assert findings["admins"].state is Status.OK
    assert not await asyncio.to_thread((tmp_path / "new.db").exists)


@pytest.mark.parametrize(
    ("is_postgresql", "fix"),
    [
        (False, "Start `callaudio run`; it creates the tables, as `callaudio migrate` does."),
        (True, "Run `callaudio migrate`; it creates the tables."),
    ],
)
async def test_a_database_without_tables_is_no_fault_and_what_creates_them_is_named(
    environ, tmp_path, postgresql, is_postgresql, fix
):
    (tmp_path / "new.db").touch()
    url = postgresql() if is_postgresql else f"sqlite:///{tmp_path}/new.db"
    of_new = {"DATABASE_URL": url, "CALLAUDIO_ADMINS": "U0FIRST000"}
    findings = await found(environ, **of_new)
    assert findings["migrations"] == Finding("migrations", Status.SET, NO_TABLES, fix)
    assert next_step(findings) == f"Next: migrations. {fix}"
    assert findings["worker"].says == "can be checked after: migrations"

    # The settings come first, so that nothing has to be started twice.
    findings = await found(environ, **{**of_new, "CALLAUDIO_ADMINS": ""})
    assert next_step(findings).startswith("Next: admins. ")

    # A fault comes before what is to be set up.
    findings = await found(environ, DATABASE_URL=url, SLACK_BOT_TOKEN="xoxb-1")
    assert next_step(findings).startswith("Fix this first: Slack. ")


async def test_a_read_only_database_file_is_found(environ):
    file = environ["DATABASE_URL"].removeprefix("sqlite:///")
    async with running(environ["DATABASE_URL"]):
        findings = await found(environ, DATABASE_URL=f"sqlite:///file:{file}?mode=ro&uri=true")
    assert findings["database"].state is Status.OK
    writing = findings["writing to the database"]
    assert (writing.state, writing.says) == (Status.WRONG, "it can only be read")


async def test_the_tried_write_changes_nothing(environ):
    async with running(environ["DATABASE_URL"]) as connection:
        before = (await connection.exec_driver_sql("PRAGMA data_version")).scalar()
        findings = await found(environ)
        after = (await connection.exec_driver_sql("PRAGMA data_version")).scalar()
    assert findings["writing to the database"].state is Status.OK
    assert before == after


@asynccontextmanager
async def running(database_url: str) -> AsyncIterator[AsyncConnection]:
    """Hold a connection open, as a running bot does."""
    database = Database(database_url)
    async with database.engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")
    await database.close()


@pytest.mark.usefixtures("logging_as_it_was")
async def test_a_terminal_shows_the_findings_without_log_lines(environ, run, empty_environment):
    for name, value in environ.items():
        empty_environment.setenv(name, value)
    result = await asyncio.to_thread(run, "doctor")
    assert (result.exit_code, result.stderr) == (0, "")


async def test_the_raw_key_of_another_agent_needs_a_grant_too(environ):
    sales = {"agent_id": AGENT_ID, "region": "us", "api_key": PLAIN_KEY, "pii_api_key": RAW_KEY}
    agents = json.dumps({"sales": sales})
    findings = await found(environ, POLYAI_PII_API_KEY="", POLYAI_AGENTS=agents)
    assert findings["who may hear raw"].says == "nobody yet: every recording is redacted"
    assert "callaudio grants add --team T0CALLAUDIO" in findings["who may hear raw"].fix


async def test_an_admin_by_grant_and_by_setting_is_one_admin(environ, run):
    for user_id in ("U0FIRST000", "U0OTHER000"):
        given = ("--team", "T0CALLAUDIO", "--user", user_id, "--right", "admin")
        await asyncio.to_thread(run, "grants", "add", *given, "--reason", "runs it")
    findings = await found(environ, CALLAUDIO_ADMINS="U0FIRST000")
    assert findings["admins"].says == "2 by grant or by CALLAUDIO_ADMINS"


async def test_a_first_admin_to_whom_the_right_is_denied_is_none(environ, run):
    denied = ("--team", "T0CALLAUDIO", "--user", "U0FIRST000", "--right", "admin")
    await asyncio.to_thread(run, "grants", "deny", *denied, "--reason", "left the team")
    admins = (await found(environ, CALLAUDIO_ADMINS="U0FIRST000"))["admins"]
    assert (admins.state, "nobody can give rights in Slack" in admins.says) == (Status.SET, True)
    assert "`callaudio grants revoke`" in admins.fix


@pytest.mark.parametrize(
    ("flags", "state", "says"),
    [
        pytest.param({}, Status.OK, "2 by grant or by CALLAUDIO_ADMINS", id="a member"),
        pytest.param({"is_restricted": True}, Status.OK, "2 by grant", id="a guest, by name"),
        pytest.param(None, Status.WRONG, "Slack knows no U0ANOTHER0", id="nobody"),
        pytest.param({"is_bot": True}, Status.WRONG, "U0ANOTHER0 is a bot", id="a bot"),
        pytest.param({"deleted": True}, Status.WRONG, "U0ANOTHER0 is deactivated", id="who left"),
        pytest.param(
            {"team_id": "T0OTHER00"}, Status.WRONG, "of another organisation", id="an outsider"
        ),
        pytest.param(
            {"omit": frozenset({"deleted"})}, Status.UNCHECKED, "Slack did not say", id="unknown"
        ),
    ],
)
async def test_slack_is_asked_who_each_first_admin_is(environ, workspace, flags, state, says):
    if flags is not None:
        workspace.add_user("U0ANOTHER0", **flags)
    findings = await found(environ, CALLAUDIO_ADMINS="U0FIRST000,U0ANOTHER0")
    admins = findings["admins"]
    assert (admins.state, says in admins.says) == (state, True)
    grants_to = "U0FIRST000" if state is Status.WRONG else "U0ANOTHER0"
    assert f"--user {grants_to} " in findings["who may hear raw"].fix
    assert "U0FIRST000" not in admins.says
    assert ("Copy member ID" in admins.fix) is (state is Status.WRONG)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("users.info", hang=True, times=9), id="no answer"),
        pytest.param(Fault("users.info", error="fatal_error", times=9), id="an error of Slack's"),
    ],
)
async def test_an_admin_about_whom_slack_does_not_answer_is_not_ok(
    environ, slack, monkeypatch, fault
):
    monkeypatch.setattr("bot.cli.checks.finding.CHECK_SECONDS", 0.3)
    slack.faults.add(fault)
    admins = (await found(environ, CALLAUDIO_ADMINS="U0FIRST000"))["admins"]
    assert (admins.state, admins.says) == (Status.UNCHECKED, "Slack did not say who U0FIRST000 is")


async def test_of_a_long_list_of_admins_only_as_many_are_looked_up_as_slack_allows(
    environ, workspace
):
    ids = [f"U0MANY{number:03}" for number in range(MOST_ASKED + 1)]
    for user_id in ids:
        workspace.add_user(user_id)
    admins = (await found(environ, CALLAUDIO_ADMINS=",".join(ids)))["admins"]
    assert len(workspace.called("users.info")) == MOST_ASKED
    assert admins.state is Status.UNCHECKED
    assert ids[-1] in admins.says
    assert ids[0] not in admins.says


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        pytest.param({}, "in no channel yet", id="a new workspace"),
        pytest.param({"C0HERE0000": {"is_private": True}}, "in 1 channel", id="invited to one"),
        pytest.param({"C0HERE0000": {"bot_is_member": False}}, "no channel yet", id="not invited"),
        pytest.param({"C0HERE0000": {"is_archived": True}}, "no channel yet", id="an archived one"),
        pytest.param({"D0HERE0000": {"is_im": True}}, "no channel yet", id="a direct message"),
    ],
)
async def test_doctor_shows_whether_the_bot_was_invited_to_a_channel(
    workspace, environ, channels, says
):
    workspace.add_user("U0ALICE000")
    for channel_id, flags in channels.items():
        workspace.add_channel(channel_id, members=["U0ALICE000"], **flags)
    told = (await found(environ))["conversations"]
    assert says in told.says
    assert ("/invite @callaudio" in told.fix) is ("no channel" in says)


async def test_missing_scopes_are_named_and_optional_ones_explained(environ, workspace):
    workspace.scopes.difference_update({"users:read", *WITHOUT})
    findings = await found(environ)

    assert findings["scopes"].says == "missing: users:read"
    assert findings["optional scope channels:join"].state is Status.SET


async def test_slack_validates_one_of_each_message_and_nothing_is_posted(workspace, environ):
    assert "messages" not in await found(environ)
    settings = load_settings(environ)
    findings = {each.what: each for each in await examine(settings, tries_messages=True)}

    taken = Finding("messages", Status.OK, "Slack takes one of each", is_always_shown=True)
    assert findings["messages"] == taken
    assert len(workspace.called("blocks.validate")) == len(messages()) + len(views())
    assert workspace.violations == []
    assert [m for channel in workspace.channels for m in workspace.messages(channel)] == []


async def test_scopes_that_the_manifest_does_not_ask_for_are_named(workspace, environ):
    workspace.scopes.add("channels:manage")

    finding = (await found(environ))["scopes"]

    assert (finding.state, bool(finding.fix)) == (Status.SET, True)
    assert finding.says == "all there, and more than needed: channels:manage"


ELSEWHERE = "Name another channel in CALLAUDIO_APPROVALS_CHANNEL."


@pytest.mark.parametrize(
    ("channel", "says", "fix"),
    [
        pytest.param({}, "the bot can ask there", "", id="the bot is in it"),
        pytest.param({"is_private": True}, "can ask", "", id="a private one, too"),
        pytest.param({"bot_is_member": False}, "not in it", "/invite", id="the bot is outside"),
        pytest.param(
            {"bot_is_member": False, "is_private": True}, "", "/invite", id="one it cannot see"
        ),
        pytest.param(
            {"is_ext_shared": True}, "another organisation", ELSEWHERE, id="outsiders read along"
        ),
        pytest.param(
            {"is_pending_ext_shared": True}, "another organisation", ELSEWHERE, id="soon they do"
        ),
        pytest.param(
            {"omit": ("is_ext_shared",)}, "another organisation", ELSEWHERE, id="unknown standing"
        ),
        pytest.param({"is_archived": True}, "archived", ELSEWHERE, id="nobody can post there"),
        pytest.param(None, "", "/invite", id="there is none of that id"),
    ],
)
async def test_the_approvals_channel_is_checked(workspace, environ, channel, says, fix):
    if channel is not None:
        workspace.add_channel(APPROVALS, members=[workspace.bot_user_id], **channel)

    finding = (await found(environ, CALLAUDIO_APPROVALS_CHANNEL=APPROVALS))["approvals channel"]

    assert finding.state is (Status.WRONG if fix else Status.OK)
    assert says in finding.says
    assert fix in finding.fix
    assert bool(fix) is bool(finding.fix)


async def test_the_v3_list_is_asked_for_one_call_with_the_platform_key(environ, polyai):
    finding = (await found(environ, **platform_environment_of(polyai)))["calls of default"]

    assert (finding.state, finding.fix) == (Status.OK, "")
    assert finding.says == "digests and Find a call read the v3 list"
    asked = polyai.platform.requests
    assert {each.key_kind for each in asked} == {"platform"}
    assert asked[0].query["limit"] == "1"


async def test_an_agent_of_another_region_is_read_from_the_v1_list(environ, polyai):
    sales = {"agent_id": AGENT_ID, "region": "eu", "api_key": PLAIN_KEY}
    more = {"POLYAI_AGENTS": json.dumps({"sales": sales})}

    findings = await found(environ, **platform_environment_of(polyai), **more)

    assert findings["calls of default"].state is Status.OK
    assert findings["calls of sales"].state is Status.SET
    assert "v1 list: the agent is in another region" in findings["calls of sales"].says


# ---- the database


async def test_workers_are_woken_on_postgresql(environ, migrated_postgresql):
    findings = await found(environ, DATABASE_URL=migrated_postgresql())
    assert findings["waking workers"] == Finding(
        "waking workers", Status.OK, "notifications arrive"
    )
    assert "waking workers" not in await found(environ)


@needs_pgbouncer
async def test_behind_a_pooler_doctor_says_that_notifications_do_not_arrive(
    environ, migrated_postgresql, monkeypatch
):
    monkeypatch.setattr("bot.cli.checks.store.NOTIFIED_WITHIN_SECONDS", 0.5)
    with pooled(migrated_postgresql()) as url:
        findings = await found(environ, DATABASE_URL=url)

    assert findings["database"].state is Status.OK
    waking = findings["waking workers"]
    assert waking.state is Status.SET
    says = "whether one runs cannot be seen from here"
    assert findings["worker"] == Finding("worker", Status.SET, says, is_always_shown=True)
    assert "pooler in transaction mode" in waking.says
    assert "every 5 s" in waking.says


# ---- the proxy and the authorities


async def test_with_a_proxy_and_an_authority_nothing_is_wrong_and_both_are_named(
    workspace, sqlite_url
):
    async with (
        stand_ins(workspace, ("server", "server")) as (slack, polyai),
        ForwardProxy(login="u:hunter2") as proxy,
    ):
        environ = {**environment_of(workspace, slack, polyai), "DATABASE_URL": sqlite_url}
        findings = await found(
            environ, HTTPS_PROXY=proxy.url, NO_PROXY="poly.ai", SSL_CERT_FILE=str(AUTHORITY)
        )

    assert {each.state for each in findings.values()} == {Status.OK, Status.SET}
    assert findings["proxy"].says == (
        f"http://127.0.0.1:{proxy.port} with user and password, but not for poly.ai"
    )
    assert findings["trusted authorities"].says == f"those in {AUTHORITY}"
    assert proxy.tunnels["127.0.0.1"] >= 2
    assert "hunter2" not in str(findings)


# ---- Slack's clock and the app token


@pytest.mark.parametrize(
    ("ahead_seconds", "state", "says"),
    [
        (0, Status.OK, "as Slack's"),
        (400, Status.WRONG, "400 s ahead of Slack's"),
        (-400, Status.WRONG, "400 s behind Slack's"),
    ],
)
async def test_a_wrong_clock_is_reported(environ, monkeypatch, ahead_seconds, state, says):
    now, date = utc_now(), format_datetime(utc_now(), usegmt=True)
    monkeypatch.setattr("bot.cli.doctor.utc_now", lambda: now + timedelta(seconds=ahead_seconds))
    monkeypatch.setattr("bot.slack.web_api.api._moment", lambda _: parsedate_to_datetime(date))

    finding = (await found(environ))["clock"]

    assert (finding.state, "timedatectl" in finding.fix) == (state, state is Status.WRONG)
    assert re.sub(r"39\d|40\d", "400", finding.says).startswith(says)


@pytest.mark.parametrize(
    ("error", "state", "says"),
    [
        (None, Status.OK, "Socket Mode; Slack accepts the app token"),
        ("invalid_auth", Status.WRONG, "Slack does not accept SLACK_APP_TOKEN"),
        ("missing_scope", Status.WRONG, "SLACK_APP_TOKEN lacks the scope connections:write"),
    ],
)
async def test_the_token_of_socket_mode_is_checked(environ, slack, workspace, error, state, says):
    if error:
        slack.faults.add(Fault("apps.connections.open", error=error))

    finding = (await found(environ, SLACK_APP_TOKEN=workspace.app_token))["requests from Slack"]

    assert (finding.state, finding.says) == (state, says)
    assert ("set SLACK_APP_TOKEN to it" in finding.fix) is bool(error)
    assert "xapp" not in str(finding)


# ---- the keys


ALIKE = Recording.of(b"RIFF nothing to mute", b"RIFF nothing to mute")
NAME_A_CALL = "`callaudio doctor --conversation CA…`"


CREATE = "Create a key without PII access in Agent Studio, and use it as the plain key."
SWAP = "Swap the plain key (POLYAI_API_KEY) and the raw key (POLYAI_PII_API_KEY)."


@pytest.mark.parametrize(
    ("plain", "raw", "state", "says", "fix"),
    [
        pytest.param(PLAIN_KEY, RAW_KEY, Status.OK, "always returns the redacted", "", id="right"),
        pytest.param(RAW_KEY, PLAIN_KEY, Status.WRONG, "swapped", SWAP, id="swapped"),
        pytest.param(RAW_KEY, "", Status.WRONG, "PII access", CREATE, id="raw as plain"),
        pytest.param(RAW_KEY, "OtherRawKey", Status.WRONG, "PII access", CREATE, id="two raw"),
        pytest.param(PLAIN_KEY, "", Status.SET, NOT_SHOWN, "", id="plain"),
        pytest.param(PLAIN_KEY, "OtherKey", Status.SET, NOT_SHOWN, NAME_A_CALL, id="two plain"),
    ],
)
@pytest.mark.parametrize("conversation", [None, "CALL-1"])
async def test_swapped_keys_are_found_by_the_recordings_they_return(
    environ, polyai, plain, raw, state, says, fix, conversation
):
    polyai.add_key("OtherKey")
    polyai.add_key("OtherRawKey", pii=True)

    findings = await found(environ, conversation, POLYAI_API_KEY=plain, POLYAI_PII_API_KEY=raw)

    finding = findings["redaction for default"]
    assert finding.state is state
    assert says in finding.says
    assert fix in finding.fix
    assert bool(fix) is bool(finding.fix)
    assert finding.is_always_shown is bool(conversation or says == NOT_SHOWN)
    assert not [key for key in (PLAIN_KEY, RAW_KEY, "OtherRawKey") if key in str(findings)]


async def test_a_call_in_which_nothing_is_muted_proves_nothing(environ, polyai):
    polyai.add_call("CALL-1", agent_id=AGENT_ID, **{**SPOKEN, "recording": ALIKE})
    finding = (await found(environ))["redaction for default"]
    assert (finding.state, finding.says) == (Status.SET, NOT_SHOWN)

    # Another call of the list shows the difference.
    polyai.add_call("CALL-2", agent_id=AGENT_ID, **SPOKEN)
    assert (await found(environ))["redaction for default"].state is Status.OK
    assert (await found(environ, "CALL-1"))["redaction for default"].says == NOT_SHOWN


async def test_a_recording_that_changes_between_two_requests_proves_nothing(environ, polyai):
    parts = [b"RIFF%d" % number for number in range(9)]
    for part in parts:
        polyai.faults.add(Fault("audio", body=part, headers={"Content-Type": "audio/wav"}))

    finding = (await found(environ, "CALL-1"))["redaction for default"]

    assert (finding.state, finding.says) == (Status.SET, NOT_SHOWN)


async def test_without_a_recording_the_keys_are_not_compared_and_a_named_call_says_why(
    environ, polyai
):
    polyai.calls.clear()
    polyai.add_call("CALL-1", agent_id=AGENT_ID, started_at=SPOKEN["started_at"])

    sales = {"agent_id": AGENT_ID, "region": "us", "api_key": PLAIN_KEY}
    findings = await found(environ, POLYAI_AGENTS=json.dumps({"sales": sales}))
    finding = findings["redaction for default"]
    says = "not known which keys return raw: no recent call has a recording"
    assert (finding.state, finding.says) == (Status.SET, says)
    assert NAME_A_CALL in finding.fix
    assert "`callaudio doctor --conversation sales:CA…`" in findings["redaction for sales"].fix

    finding = (await found(environ, "CALL-1"))["redaction for default"]
    assert finding.state is Status.WRONG
    assert "no recording" in finding.says


async def test_a_recording_too_long_to_compare_is_reported(environ, monkeypatch):
    monkeypatch.setattr("bot.polyai.key_check.MAX_BYTES", 1000)
    finding = (await found(environ, "CALL-1"))["redaction for default"]
    assert "too long to be compared" in finding.says


# ---- settings that cannot be read


@pytest.mark.parametrize("as_json", [True, False])
def test_settings_that_cannot_be_used_are_findings_with_a_fix(run, empty_environment, *, as_json):
    for name, value in {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": '"5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e"',
        "DATABASE_URL": "postgresql://u:hunter2@db/x?foo=bar",
    }.items():
        empty_environment.setenv(name, value)

    result = run("doctor", *(["--json"] if as_json else []))

    assert result.exit_code == 2
    for told in (
        "SLACK_SIGNING_SECRET has quotes around its value",
        "Correct SLACK_SIGNING_SECRET: remove the quotes.",
        "POLYAI_REGION is not set",
        "Set POLYAI_REGION: use us, eu, uk or studio.",
        "`foo`",
        "cp .env.example .env",
    ):
        assert told in result.stdout
    assert not [each for each in ("5ca1ab1e", "hunter2") if each in result.output]
    if as_json:
        rows = json.loads(result.stdout)
        assert {row["state"] for row in rows} == {"wrong"}
        assert {tuple(row) for row in rows} == {("state", "what", "says", "fix")}
        assert all(row["fix"] for row in rows)


@pytest.mark.parametrize(
    ("has_file", "next_step"),
    [
        (False, "Write a file .env here, with a line NAME=value for each setting below."),
        (True, "Set SLACK_BOT_TOKEN: use the bot token of the installed app; it starts with"),
    ],
)
def test_the_next_step_is_the_fix_of_the_first_setting_or_an_env_file(
    run, empty_environment, tmp_path, has_file, next_step
):
    empty_environment.chdir(tmp_path)
    empty_environment.setenv("COLUMNS", "0")  # as in a shell without a terminal
    if has_file:
        (tmp_path / ".env").touch()
    told = run("doctor").stdout
    assert "[wrong] settings: SLACK_BOT_TOKEN is not set\n" in told
    assert told.splitlines()[-1].startswith(f"Fix this first: settings. {next_step}")
