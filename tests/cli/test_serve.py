"""`migrate`, `run`, `web`, `worker`: what they need and refuse, and one run from start to end."""

import asyncio
import errno
import json
import os
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.cli.serve import LOOPBACK, serve
from bot.cli.sockets import Address, cannot_listen
from bot.cli.stage import environment_of
from bot.jobs.sqlite_worker_lock import SqliteWorkerLock
from bot.jobs.work_loop import WorkLoop
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.settings.environment import load_settings
from bot.slack.socket_mode import OPEN_SECONDS, SocketMode
from bot.store.engines import async_url
from bot.store.revision import newest_revision
from bot.wiring.application import Roles
from tests.cli.conftest import COMPLETE
from tests.cli.conftest import invoke as run
from tests.cli.process import ready, start
from tests.loopback import http_client
from tests.migrated import current_revision
from tests.polling import DEADLINE_SECONDS, until
from tests.ports import free_port
from tests.scenarios.killed_bot import Nursery


@pytest.fixture
def set_up(empty_environment, tmp_path):
    """A complete environment with a database that does not exist yet, and a free port."""
    url = f"sqlite:///{tmp_path}/new.db"
    environ = {**COMPLETE, "DATABASE_URL": url, "PORT": str(free_port())}
    for name, value in environ.items():
        empty_environment.setenv(name, value)
    return url


def test_migrate_needs_only_the_database_and_may_be_run_twice(empty_environment, tmp_path):
    url = f"sqlite:///{tmp_path}/new.db"
    empty_environment.setenv("DATABASE_URL", url)
    newest = newest_revision()
    for told in (
        f"The new database was brought to revision {newest}.\n",
        f"The database is up to date, at revision {newest}.\n",
    ):
        result = run("migrate")
        assert (result.exit_code, result.output) == (0, told)
    assert current_revision(async_url(url)) == newest_revision()


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("command", [["web"], ["worker"], ["grants", "list"], ["audit", "list"]])
def test_an_unmigrated_database_is_refused_with_the_command_to_run(set_up, command):
    file = Path(set_up.removeprefix("sqlite:///"))
    file.touch()
    result = run(*command)
    assert result.exit_code == 1
    assert "Run `callaudio migrate` first" in result.stderr
    assert "Traceback" not in result.output
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


@pytest.mark.usefixtures("logging_as_it_was", "set_up")
@pytest.mark.parametrize(
    "parameters", ["", "file:{}?uri=true", "file:{}?mode=ro&uri=true", "file:{}?mode=rw&uri=true"]
)
@pytest.mark.parametrize("command", [["web"], ["worker"], ["grants", "list"], ["audit", "verify"]])
def test_a_missing_database_file_is_named_and_not_created(
    empty_environment, tmp_path, command, parameters
):
    file = tmp_path / "misspelt.db"
    empty_environment.setenv("DATABASE_URL", f"sqlite:///{(parameters or '{}').format(file)}")
    result = run(*command)
    assert result.exit_code == 1
    named, fix = result.stderr.splitlines()
    assert named == f"There is no database file {file}."
    assert "`callaudio migrate` makes a new one" in fix
    assert list(tmp_path.glob("misspelt.db*")) == []


@pytest.mark.parametrize("command", ["run", "web", "worker"])
@pytest.mark.usefixtures("set_up")
def test_every_problem_with_the_settings_is_reported_at_once_without_secrets(
    empty_environment, command
):
    empty_environment.delenv("POLYAI_AGENT_ID")
    empty_environment.setenv("SLACK_BOT_TOKEN", "Zq7vB2nL9xK4-no-bot-token")
    empty_environment.setenv("POLYAI_REGION", "mars")
    empty_environment.setenv("CALLAUDIO_AUDIENC", "requester")
    result = run(command)
    assert result.exit_code == 2
    for name in ("POLYAI_AGENT_ID", "SLACK_BOT_TOKEN", "POLYAI_REGION", "CALLAUDIO_AUDIENC"):
        assert name in result.stderr
    assert "There is no file .env in this folder." in result.stderr
    assert "`callaudio doctor`" in result.stderr
    assert "Zq7vB2nL9xK4" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [["migrate"], ["grants", "list"]])
def test_an_unusable_database_url_is_bad_usage_and_not_shown(empty_environment, command):
    empty_environment.setenv("DATABASE_URL", "mysql://callaudio:Zq7vB2nL9xK4@host/name")
    result = run(*command)
    assert result.exit_code == 2
    assert "DATABASE_URL" in result.stderr
    assert "Zq7vB2nL9xK4" not in result.output


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("command", [["migrate"], ["grants", "list"], ["worker"], ["web"]])
@pytest.mark.usefixtures("set_up")
def test_an_unreachable_database_is_reported_with_its_cause_and_without_its_password(
    empty_environment, command
):
    empty_environment.setenv("DATABASE_URL", "postgresql://u:Zq7vB2nL9xK4@127.0.0.1:1/name")
    result = run(*command)
    assert result.exit_code == 1
    cause, fix, said = result.stderr.splitlines()
    assert cause == "The database cannot be used: nothing listens there."
    assert "host and port in DATABASE_URL" in fix
    assert "Connection refused" in said
    assert "Zq7vB2nL9xK4" not in result.output


@pytest.mark.usefixtures("logging_as_it_was", "set_up")
def test_run_reports_a_file_that_cannot_be_opened(empty_environment, tmp_path):
    empty_environment.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/no/such/folder/new.db")
    result = run("run")
    assert result.exit_code == 1
    assert "unable to open database file" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize("command", ["run", "web", "worker"])
def test_a_used_port_is_reported_before_anything_else_happens(set_up, empty_environment, command):
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        empty_environment.setenv("PORT", str(port))
        result = run(command)
    assert result.exit_code == 1
    taken, fix = result.stderr.splitlines()
    assert taken == f"Port {port} on {LOOPBACK} is taken: another program listens there."
    assert f"`lsof -i :{port}`" in fix
    assert f"`PORT={port + 1} callaudio {command}`" in fix
    assert '"started"' not in result.output
    assert not Path(set_up.removeprefix("sqlite:///")).exists()


@pytest.mark.usefixtures("logging_as_it_was", "set_up")
def test_a_used_address_of_metrics_is_reported_with_its_setting(empty_environment):
    with socket.create_server((LOOPBACK, 0)) as other:
        address = f"{LOOPBACK}:{other.getsockname()[1]}"
        empty_environment.setenv("CALLAUDIO_METRICS_ADDRESS", address)
        result = run("worker")
    assert result.exit_code == 1
    assert "choose another CALLAUDIO_METRICS_ADDRESS" in result.stderr
    assert "PORT=" not in result.stderr


@pytest.mark.usefixtures("logging_as_it_was", "set_up")
@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("203.0.113.9", "203.0.113.9 is not an address of this machine."),
        ("no..name", "No machine is known under the name no..name."),
    ],
)
def test_an_address_that_this_machine_does_not_have_is_bad_usage(host, said):
    result = run("web", "--host", host)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "This user may not listen on port 80."),
        (errno.ENETDOWN, "Cannot listen on port 80 of 127.0.0.1: Network is down."),
    ],
)
def test_other_causes_are_reported_with_the_systems_message(capsys, number, said):
    address = Address(LOOPBACK, 80, "another port")
    assert cannot_listen(address, OSError(number, os.strerror(number))).exit_code == 1
    assert capsys.readouterr().err.splitlines()[0] == said


@pytest.fixture
async def standins():
    """Build the environment of a bot on stand-ins, with a database."""
    async with SlackSandbox(Workspace()) as slack, PolyAISandbox() as polyai:
        yield lambda url: environment_of(slack.workspace, slack, polyai) | {"DATABASE_URL": url}


async def test_run_migrates_its_sqlite_file_serves_and_ends_at_a_signal(
    standins, migrated_sqlite, tmp_path, tmp_path_factory
):
    url, port = f"sqlite:///{tmp_path}/new.db", free_port()
    environ = standins(url) | {"PORT": str(port)}
    process = await start("run", **environ)
    try:
        assert await ready(port) == {"database": True, "migrations": True, "worker": True}
        with Nursery(migrated_sqlite.parent) as nursery:
            refused, _, told = await nursery.command(
                "worker",
                folder=tmp_path_factory.mktemp("second"),
                **{**environ, "PORT": str(free_port())},
            )
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, err.decode()
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {"0o600"}, modes
    # Everything was closed before the process ended, the lock and the worker included.
    assert b'"event": "stopping"' in err
    assert current_revision(async_url(url)) == newest_revision()
    assert b"Traceback" not in out + err
    assert b'"level": "warning"' not in err, err.decode()
    before, *lines = [json.loads(line) for line in err.splitlines()]  # no other line is in it
    assert before.items() >= {
        ("event", "database_migrated"),
        ("from_revision", None),
        ("to_revision", newest_revision()),
    }
    assert [each for each in lines if each["logger"].startswith("alembic")] == []
    for secret in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "POLYAI_API_KEY"):
        assert environ[secret].encode() not in out + err
    assert refused == 1
    assert "Another worker already serves this SQLite file" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("listens", "works", "changes", "told"),
    [
        (True, True, {}, "callaudio is up: type /callaudio in Slack. Ctrl-C stops it."),
        (False, True, {}, "The worker is up: it delivers what `callaudio web` stores. Ctrl-C"),
        (
            True, False, {"SLACK_APP_TOKEN": "xapp-1"},
            "callaudio runs, but there is no Socket Mode connection to Slack",
        ),
        (
            True, False, {"SLACK_BOT_TOKEN": "xoxb-of-another-app"},
            "callaudio runs, but Slack does not accept its bot token",
        ),
    ],
)  # fmt: skip
async def test_in_a_terminal_a_sentence_says_what_runs_and_a_signal_ends_it(
    standins, sqlite_url, monkeypatch, listens, works, changes, told
):
    said: list[str] = []
    monkeypatch.setattr("bot.cli.console.note", said.append)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(SocketMode.open, "__defaults__", (0.1,))
    port, roles = free_port(), Roles(listens=listens, works=works)
    environ = standins(sqlite_url) | changes
    serving = asyncio.create_task(serve(load_settings(environ), roles, host=LOOPBACK, port=port))
    await until(lambda: said)
    assert said[0].startswith(told)
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(serving, 10)


async def test_a_signal_during_the_start_ends_it_and_everything_is_closed(sqlite_url):
    workspace = Workspace()
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        slack.faults.add(Fault("apps.connections.open", when="after", hang=True))
        environ = {
            **environment_of(workspace, slack, polyai),
            "SLACK_APP_TOKEN": workspace.app_token,
            "DATABASE_URL": sqlite_url,
        }
        settings, roles = load_settings(environ), Roles(listens=True, works=True)
        serving = asyncio.create_task(serve(settings, roles, host=LOOPBACK, port=free_port()))
        await slack.faults.reached("apps.connections.open")  # its worker runs already
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(OPEN_SECONDS / 2):
            await serving
        slack.faults.release("apps.connections.open")
    SqliteWorkerLock.acquire(Path(sqlite_url.removeprefix("sqlite:///"))).release()


async def test_a_second_signal_does_not_interrupt_the_closing(standins, sqlite_url, monkeypatch):
    closed, outside = [], []
    stop = WorkLoop.stop

    async def interrupted(loop: WorkLoop, drain_seconds: float) -> None:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0.01)
        await stop(loop, drain_seconds)
        closed.append("worker")

    monkeypatch.setattr(WorkLoop, "stop", interrupted)
    former = signal.signal(signal.SIGTERM, lambda *_: outside.append("ended at once"))
    try:
        port, roles = free_port(), Roles(listens=False, works=True)
        settings = load_settings(standins(sqlite_url))
        serving = asyncio.create_task(serve(settings, roles, host=LOOPBACK, port=port))
        await ready(port)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(serving, DEADLINE_SECONDS)
    finally:
        signal.signal(signal.SIGTERM, former)
    assert (closed, outside) == (["worker"], [])


async def test_metrics_are_served_at_their_own_address(standins, sqlite_url):
    port, metrics_port, roles = free_port(), free_port(), Roles(listens=True, works=False)
    address = {"CALLAUDIO_METRICS_ADDRESS": f"{LOOPBACK}:{metrics_port}"}
    settings = load_settings(standins(sqlite_url) | address)
    serving = asyncio.create_task(serve(settings, roles, host=LOOPBACK, port=port))
    assert await ready(metrics_port) == {"database": True, "migrations": True}
    async with http_client() as http:
        figures = await http.get(f"http://{LOOPBACK}:{metrics_port}/metrics")
        refused = await http.get(f"http://{LOOPBACK}:{port}/metrics")
        readiness = await http.get(f"http://{LOOPBACK}:{port}/readyz")
    assert "callaudio_relays_in_progress" in figures.text
    assert (refused.status_code, readiness.text) == (403, "ready\n")
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(serving, DEADLINE_SECONDS)


async def test_python_m_bot_is_the_command_line_and_reads_a_file_env_in_its_folder(tmp_path):
    (tmp_path / ".env").write_text("DATABASE_URL='sqlite:///from-file.db'\r\n")
    process = await start("grants", "list", folder=tmp_path)
    _, told = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
    assert process.returncode == 1
    assert f"There is no database file {tmp_path / 'from-file.db'}.".encode() in told
    assert list(tmp_path.glob("*.db")) == []


def test_a_broken_file_env_is_bad_usage(empty_environment, tmp_path, capsys):
    (tmp_path / ".env").write_text("SLACK_BOT_TOKEN='xoxb-Zq7vB2nL9xK4\n")
    empty_environment.chdir(tmp_path)
    empty_environment.setattr(sys, "argv", ["callaudio", "migrate"])
    usual = os.umask(0o077)
    with pytest.raises(SystemExit) as ended:
        main()
    os.umask(usual)
    assert ended.value.code == 2
    out, told = capsys.readouterr()
    fault = "a line that is not NAME=value, or with a quote that is not closed"
    assert told == f".env has {fault}: see line 1.\n"
    assert "Zq7vB2nL9xK4" not in out + told
