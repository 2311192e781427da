"""What is built for each role, and that all of it is closed again."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bot.cli.stage import environment_of, serving
from bot.sandbox.delivery import SocketEnvelopes
from bot.sandbox.person import SlackSocketSide
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.settings.environment import load_settings
from bot.wiring.application import Roles, open_application
from bot.wiring.core import DatabaseNotMigrated
from tests.loopback import http_client
from tests.polling import until
from tests.slack.conftest import ALICE, CHANNEL

CALL = "CA" + "0123456789abcdef" * 2
LISTENS, WORKS = Roles(listens=True, works=False), Roles(listens=False, works=True)


@pytest.fixture
async def standing():
    """The stand-ins, and an environment that leads to them."""
    workspace = Workspace()
    workspace.add_user(ALICE)
    workspace.add_channel(CHANNEL, members=[ALICE])
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        yield slack, environment_of(workspace, slack, polyai)


@pytest.fixture
def settings(standing, sqlite_url):
    return load_settings({**standing[1], "DATABASE_URL": sqlite_url})


@pytest.fixture
async def http():
    async with http_client() as http:
        yield http


async def open_and_close(settings, roles):
    async with open_application(settings, roles=roles):
        pass


@asynccontextmanager
async def served(settings, roles):
    """Run the bot; returns it and the address that it serves."""
    running = open_application(settings, roles=roles)
    async with running as application, serving(application) as origin:
        yield application, origin


@pytest.mark.parametrize("roles", [LISTENS, WORKS, Roles(listens=True, works=True)])
async def test_an_unmigrated_database_is_refused_before_anything_is_started(
    standing, tmp_path, roles
):
    slack, environ = standing
    url = f"sqlite:///{tmp_path}/empty.db"
    with pytest.raises(DatabaseNotMigrated):
        await open_and_close(load_settings({**environ, "DATABASE_URL": url}), roles)
    assert slack.workspace.calls == []
    assert not list(tmp_path.glob("*.worker"))


async def test_a_web_process_stores_requests_and_runs_no_worker(standing, settings, http):
    async with served(settings, LISTENS) as (_, origin):
        readiness = (await http.get(f"{origin}/readyz")).json()
        assert readiness == {"database": True, "migrations": True}
        assert (await http.post(f"{origin}/slack/events")).status_code == 401
    assert standing[0].workspace.violations == []


async def test_a_worker_process_accepts_no_requests(settings, http):
    async with served(settings, WORKS) as (_, origin):
        readiness = (await http.get(f"{origin}/readyz")).json()
        assert readiness == {"database": True, "migrations": True, "worker": True}
        assert (await http.post(f"{origin}/slack/events")).status_code == 404
        assert (await http.get(f"{origin}/healthz")).status_code == 200


async def test_over_socket_mode_the_same_listener_answers_and_http_accepts_no_requests(
    standing, settings, http
):
    slack, _ = standing
    app_token = SecretStr(slack.workspace.app_token)
    over_socket = settings.model_copy(update={"slack_app_token": app_token})
    async with served(over_socket, LISTENS) as (application, origin):
        assert (await http.get(f"{origin}/readyz")).json()["socket"] is True
        ack = await SlackSocketSide(slack).command(ALICE, CHANNEL, CALL)
        assert "Got it: I will post the recording" in ack.text
        envelopes = SocketEnvelopes(slack.socket_mode)
        malformed = await envelopes.send("interactive", {"type": "block_actions"})
        assert malformed.arrived, "or Slack would send it again and again"
        turned_away = application.metrics.render()[0].decode()
        assert 'turned_away_total{cause="malformed"} 1.0' in turned_away
        assert (await http.post(f"{origin}/slack/events")).status_code == 404
        async with application.database.read() as session:
            assert await session.scalar(text("SELECT count(*) FROM deliveries")) == 1


async def test_nothing_runs_after_the_application_is_closed(settings):
    before = asyncio.all_tasks()
    for _ in range(2):
        await open_and_close(settings, Roles(listens=True, works=True))
        assert tasks_of_the_bot() - before == set()
    await until(lambda: asyncio.all_tasks() <= before)


# These end a moment later by themselves: a stand-in whose connection was closed, and the driver
# that closes a connection after a cancelled statement.
OF_OTHERS = {"RequestHandler.start", "AsyncAdapt_aiosqlite_connection._terminate_graceful_close"}


def tasks_of_the_bot() -> set[asyncio.Task]:
    return {
        task
        for task in asyncio.all_tasks()
        if getattr(task.get_coro(), "__qualname__", "") not in OF_OTHERS
    }
