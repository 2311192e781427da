"""Broken set-ups: `callaudio doctor` names the one fault with its fix, and no consequence of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Executable, insert, text, update

from bot.cli.stage import (
    ACCOUNT_ID,
    AGENT_ID,
    PLAIN_KEY,
    PLATFORM_KEY,
    RAW_KEY,
    environment_of,
    platform_environment_of,
)
from bot.network.connection_failures import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_UNKNOWN,
    DNS,
    FIXES,
    PROXY_AWAY,
    PROXY_LOGIN,
    REFUSED,
)
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.workspace import Workspace
from bot.slack.web_api.scopes import REQUIRED, WITHOUT
from bot.store import failures
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import CanaryRow, DigestRow, DueWorkRow
from bot.wiring.clock import utc_now
from tests.cli.stand_ins import stand_ins
from tests.forward_proxy import DOMAIN, ForwardProxy
from tests.ports import free_port
from tests.recordings.deliveries.rows import delivery_row
from tests.tls import AUTHORITY

CHANNEL = "C0APPROVE0"
SECRETS = (PLAIN_KEY, RAW_KEY, PLATFORM_KEY, "hunter2", "wrongKey", "xoxb-1", "xapp-1")
PLAIN, RAW, CALLS, REDACTION = (
    f"{what} default" for what in ("plain key of", "raw key of", "calls of", "redaction for")
)
WRITING, APPROVALS = "writing to the database", "approvals channel"
OF_SLACK = {"scopes", "clock", "conversations", APPROVALS, "admins"}
OF_STORE = {"canary", "time zones", "worker"}
OF_DATABASE = OF_STORE | {"migrations", WRITING}
OF_AGENT = {RAW, REDACTION}
OF_CALLS = {"Slack", *OF_SLACK, PLAIN, *OF_AGENT}
REINSTALL = "Install App → Reinstall"


@dataclass
class Bench:
    """A complete set-up, to be broken."""

    environ: dict[str, str]
    workspace: Workspace
    polyai: PolyAISandbox
    proxy: ForwardProxy
    new_postgresql: Callable[[], str]
    patch: pytest.MonkeyPatch
    options: list[str] = field(default_factory=list)

    async def store(self, statement: Executable) -> None:
        database = Database(self.environ["DATABASE_URL"])
        async with database.write() as session:
            await session.execute(statement)
        await database.close()


@dataclass(frozen=True)
class Row:
    """How a set-up is broken, and the expected finding."""

    breaks: Callable[[Bench], object]
    what: str
    fix: str
    unchecked: frozenset[str] | set[str] = frozenset()
    exit_code: int = 1
    tls: tuple[str | None, str | None] = (None, None)
    """The certificates of Slack and PolyAI."""


def setting(**changes: str) -> Callable[[Bench], None]:
    """Set variables; ``{port}`` is a port where nobody listens."""

    def apply(bench: Bench) -> None:
        places = {"port": free_port(), "proxy": bench.proxy.port, "polyai": bench.polyai.url}
        bench.environ |= {name: value.format(**places) for name, value in changes.items()}

    return apply


def read_only_postgresql(bench: Bench) -> None:
    url = bench.environ["DATABASE_URL"] = bench.new_postgresql()
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")


def approvals_without_the_bot(bench: Bench) -> None:
    bench.environ["CALLAUDIO_APPROVALS_CHANNEL"] = CHANNEL
    members = [bench.workspace.bot_user_id]
    bench.workspace.add_channel(CHANNEL, members=members, bot_is_member=False)


def account(*agents: str, **changes: str) -> Callable[[Bench], None]:
    def apply(bench: Bench) -> None:
        bench.polyai.add_platform_key(PLATFORM_KEY, account_id=ACCOUNT_ID, agents=agents)
        bench.environ |= platform_environment_of(bench.polyai)
        setting(**changes)(bench)

    return apply


def scopes_without(*missing: str) -> Callable[[Bench], None]:
    return lambda bench: bench.workspace.scopes.difference_update(missing)


def polyai_hangs(bench: Bench) -> None:
    bench.patch.setattr("bot.cli.checks.finding.CHECK_SECONDS", 0.5)
    bench.polyai.faults.add(Fault("conversations", hang=True, times=9))


def app_removed(bench: Bench) -> None:
    bench.workspace.has_app = False


def disk_nearly_full(bench: Bench) -> None:
    bench.patch.setattr("bot.cli.checks.store.LEAST_FREE_BYTES", 2**62)


def without_charts(bench: Bench) -> None:
    bench.workspace.unknown_blocks.add("data_visualization")
    bench.options.append("--blocks")


def no_such_call(bench: Bench) -> None:
    bench.options += ["--conversation", "CALL-9"]


def key_of_another_region(bench: Bench) -> None:
    bench.polyai.add_key("KeyOfEurope", region="eu")
    bench.environ["POLYAI_API_KEY"] = "KeyOfEurope"


def revision(number: str) -> Callable[[Bench], object]:
    return lambda bench: bench.store(text(f"UPDATE alembic_version SET version_num = '{number}'"))


def canary_frozen(bench: Bench) -> object:
    at = utc_now()
    frozen = dict.fromkeys(("checked_at", "frozen_at"), at)
    about = {"conversation": "CALL-1", "team_id": "T0CALLAUDIO", "verdict": "broken"}
    return bench.store(insert(CanaryRow).values({**about, **frozen, "found": "heard"}))


def digest_in_a_zone_of_nowhere(bench: Bench) -> object:
    words = {"id": "d1", "team_id": "T0CALLAUDIO", "kind": "calls", "channel_id": "C0QUALITY0"}
    more = {"agent_name": "default", "timetable": "0 9 * * *", "owner_id": "U0BOSS000"}
    when = dict.fromkeys(("created_at", "due_since"), utc_now())
    row = {**words, **more, **when, "zone": "Mars/Olympus", "revision": 1}
    return bench.store(insert(DigestRow).values(row))


def asked_without_a_worker(*, claimed_by: str | None = None) -> Callable[[Bench], object]:
    """Store a request; a worker that died may still hold its work."""

    async def apply(bench: Bench) -> None:
        who = {"team_id": "T0CALLAUDIO", "user_id": "U0BOSS000", "requested_at": utc_now()}
        asked = delivery_row("d1", "C0QUALITY0", **who, state="requested", ended_at=None)
        database = Database(bench.environ["DATABASE_URL"])
        async with database.write() as session:
            session.add(asked)
            enqueue(session, DueWorkKind.DELIVER, "d1", now=utc_now())
        await database.close()
        await bench.store(update(DueWorkRow).values(claim=claimed_by))

    return apply


def another_agent_with_a_wrong_key(bench: Bench) -> None:
    sales = {"agent_id": AGENT_ID, "region": "us", "api_key": "wrongKey3"}
    bench.environ["POLYAI_AGENTS"] = json.dumps({"sales": sales})


NAMES_OF_NOBODY = {
    "SLACK_API_URL": f"https://slack.{DOMAIN}/api/",
    "POLYAI_API_URL": f"https://polyai.{DOMAIN}",
}
TRUSTED = {"SSL_CERT_FILE": str(AUTHORITY)}
BOTH = ("server", "server")
SETTINGS = {"what": "settings", "exit_code": 2}

ROWS = {
    # All problems with settings are reported together, each in a sentence.
    "a variable is missing": Row(
        setting(POLYAI_AGENT_ID=""), fix="Set POLYAI_AGENT_ID: use", **SETTINGS
    ),
    "quotes around a value": Row(
        setting(SLACK_SIGNING_SECRET="'hunter2'"), fix="remove the quotes.", **SETTINGS
    ),
    "an unknown name": Row(
        setting(CALLAUDIO_AUDIENC="requester"), fix="did you mean CALLAUDIO_AUDIENCE?", **SETTINGS
    ),
    # The proxy and the authorities.
    "a company's own authority": Row(
        setting(), "trusted authorities", FIXES[CERTIFICATE_UNKNOWN], OF_CALLS, tls=BOTH
    ),
    "an unreachable proxy": Row(
        setting(HTTPS_PROXY="http://u:hunter2@127.0.0.1:{port}", **TRUSTED),
        "proxy",
        FIXES[PROXY_AWAY],
        OF_CALLS,
        tls=BOTH,
    ),
    "a proxy with another password": Row(
        setting(HTTPS_PROXY="http://u:hunter2@127.0.0.1:{proxy}", **TRUSTED),
        "proxy",
        FIXES[PROXY_LOGIN],
        OF_CALLS,
        tls=BOTH,
    ),
    "a network without DNS": Row(setting(**NAMES_OF_NOBODY), "proxy", FIXES[DNS], OF_CALLS),
    "an expired certificate": Row(
        setting(**TRUSTED), PLAIN, FIXES[CERTIFICATE_EXPIRED], OF_AGENT, tls=(None, "expired")
    ),
    # The database.
    "a folder that is not there": Row(
        setting(DATABASE_URL="sqlite:////no/such/folder/x.db"),
        "database",
        failures.NO_FILE.fix,
        OF_DATABASE,
    ),
    "a port where nothing listens": Row(
        setting(DATABASE_URL="postgresql://u:hunter2@127.0.0.1:{port}/x"),
        "database",
        failures.REFUSED.fix,
        OF_DATABASE,
    ),
    "an older revision": Row(revision("0001"), "migrations", "Run `callaudio migrate`.", OF_STORE),
    "a newer version's revision": Row(
        revision("9999"),
        "migrations",
        "Install that version again, or restore a backup of before it was migrated.",
        OF_STORE,
    ),
    "a read-only database": Row(read_only_postgresql, WRITING, failures.READ_ONLY.fix),
    "a disk that is nearly full": Row(disk_nearly_full, WRITING, failures.DISK_FULL.fix),
    "a plain key that returned raw": Row(
        canary_frozen, "canary", '`callaudio canary thaw --reason "plain key replaced"`'
    ),
    "a request that no worker takes": Row(
        asked_without_a_worker(), "worker", "Start `callaudio worker` if `callaudio web` runs"
    ),
    "a request whose worker died": Row(
        asked_without_a_worker(claimed_by="w-1"), "worker", "else `callaudio run`"
    ),
    "a digest's zone that this machine lacks": Row(
        digest_in_a_zone_of_nowhere, "time zones", "pip install --upgrade tzdata"
    ),
    # Slack.
    "another bot token": Row(
        setting(SLACK_BOT_TOKEN="xoxb-1"),
        "Slack",
        "set SLACK_BOT_TOKEN to the token shown there",
        OF_SLACK,
    ),
    "an app that was removed": Row(app_removed, "Slack", "install the app again", OF_SLACK),
    "another host than Slack's": Row(
        setting(SLACK_API_URL="{polyai}/api/"),
        "Slack",
        "Remove SLACK_API_URL, or correct it",
        OF_SLACK,
    ),
    "a closed port in the place of Slack": Row(
        setting(SLACK_API_URL="http://127.0.0.1:{port}/api/"), "Slack", FIXES[REFUSED], OF_SLACK
    ),
    "a scope that is missing": Row(scopes_without("users:read"), "scopes", REINSTALL, {"admins"}),
    "scopes without which channels cannot be listed": Row(
        scopes_without("channels:read", "groups:read"), "scopes", REINSTALL, {"conversations"}
    ),
    "another app token": Row(
        setting(SLACK_APP_TOKEN="xapp-1"), "requests from Slack", "set SLACK_APP_TOKEN to it"
    ),
    "approvals where the bot is not": Row(
        approvals_without_the_bot, APPROVALS, f"Type `/invite @callaudio` in the channel {CHANNEL}."
    ),
    "a workspace that does not take a kind of block": Row(
        without_charts, "messages", "Update callaudio."
    ),
    "an admin whom Slack does not know": Row(
        setting(CALLAUDIO_ADMINS="U0BOSS000,U0NOBODY0"), "admins", "Copy member ID"
    ),
    # PolyAI.
    "another plain key": Row(
        setting(POLYAI_API_KEY="wrongKey1"), PLAIN, "POLYAI_REGION", {REDACTION}
    ),
    "a key of another region": Row(key_of_another_region, PLAIN, "POLYAI_REGION", {REDACTION}),
    "another raw key": Row(
        setting(POLYAI_PII_API_KEY="wrongKey2"), RAW, "POLYAI_REGION", {REDACTION}
    ),
    "another agent": Row(
        setting(POLYAI_AGENT_ID="PROJECT-OTHER"), PLAIN, "POLYAI_AGENT_ID", OF_AGENT
    ),
    "another agent, and an account": Row(
        account(AGENT_ID, POLYAI_AGENT_ID="PROJECT-OTHER"),
        PLAIN,
        "POLYAI_AGENT_ID",
        OF_AGENT | {CALLS},
    ),
    "another host than PolyAI's": Row(
        setting(POLYAI_API_URL="https://127.0.0.1:{port}"), PLAIN, FIXES[REFUSED], OF_AGENT
    ),
    "a host that never answers": Row(polyai_hangs, PLAIN, "Try again", OF_AGENT),
    "another key of a second agent": Row(
        another_agent_with_a_wrong_key,
        "plain key of sales",
        "POLYAI_REGION",
        {"redaction for sales"},
    ),
    "another platform key": Row(
        account(AGENT_ID, POLYAI_PLATFORM_API_KEY="wrongKey3"), CALLS, "POLYAI_PLATFORM_API_KEY"
    ),
    "a platform key of other agents": Row(account("PROJECT-OTHER"), CALLS, "covers this agent"),
    "another host than the platform's": Row(
        account(AGENT_ID, POLYAI_PLATFORM_URL="{polyai}"), CALLS, "POLYAI_PLATFORM_URL"
    ),
    "another account": Row(
        account(AGENT_ID, POLYAI_ACCOUNT_ID="ws-other"), CALLS, "POLYAI_ACCOUNT_ID"
    ),
    "swapped keys": Row(
        setting(POLYAI_API_KEY=RAW_KEY, POLYAI_PII_API_KEY=PLAIN_KEY),
        REDACTION,
        "Swap the plain key (POLYAI_API_KEY) and the raw key (POLYAI_PII_API_KEY).",
    ),
    "a call that is not there, named to compare the keys": Row(
        no_such_call, REDACTION, "Agent Studio"
    ),
}


@pytest.fixture
async def bench(
    row: Row,
    sqlite_url: str,
    tmp_path: Path,
    migrated_postgresql: Callable[[], str],
    empty_environment: pytest.MonkeyPatch,
) -> AsyncIterator[Bench]:
    """Set everything up correctly, then break it."""
    (tmp_path / ".env").touch()
    empty_environment.chdir(tmp_path)
    workspace = Workspace(scopes=REQUIRED | set(WITHOUT))
    workspace.add_user("U0BOSS000")
    workspace.add_channel("C0QUALITY0", members=["U0BOSS000"])
    async with (
        stand_ins(workspace, row.tls) as (slack, polyai),
        ForwardProxy(login="u:right") as proxy,
    ):
        environ = environment_of(workspace, slack, polyai)
        environ |= {"DATABASE_URL": sqlite_url, "CALLAUDIO_ADMINS": "U0BOSS000"}
        bench = Bench(environ, workspace, polyai, proxy, migrated_postgresql, empty_environment)
        done = row.breaks(bench)
        if isawaitable(done):
            await done
        yield bench


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items()])
async def test_only_the_fault_is_named_with_its_fix_and_none_of_its_consequences(row, bench, run):
    for name, value in bench.environ.items():
        bench.patch.setenv(name, value)
    result = await asyncio.to_thread(run, "doctor", "--json", *bench.options)

    findings = json.loads(result.stdout)
    wrong = [each for each in findings if each["state"] == "wrong"]
    assert [each["what"] for each in wrong] == [row.what]
    assert row.fix in wrong[0]["fix"]
    assert {each["what"] for each in findings if each["state"] == "not checked"} == row.unchecked
    assert result.exit_code == row.exit_code
    assert not [secret for secret in SECRETS if secret in result.output]
