"""A running bot on its stand-ins for each scenario."""

import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tenacity.wait import wait_random

from bot.cli.stage import PLAIN_KEY, RAW_KEY, open_stage
from bot.network import retry
from bot.observability.logs import configure_logging
from bot.sandbox import delivery, workspace
from bot.sandbox.person import SlackPerson, SlackSocketSide
from bot.sandbox.workspace import Workspace
from bot.slack import ack_window
from bot.wiring.clock import utc_now
from bot.wiring.digests import OpenOutlets, build_outlets
from bot.wiring.timings import Timings
from tests.conftest import KINDS
from tests.drawn import unheard
from tests.polling import DEADLINE_SECONDS
from tests.scenarios.killed_bot import Nursery, Street, open_street
from tests.scenarios.scene import BRISK, Scene

QUICK = replace(BRISK, lease=timedelta(seconds=1), access_again_after=timedelta(seconds=0.5))
# For scenarios that change the store by hand and wake no worker; each poll costs processor time.
WATCHFUL = replace(QUICK, poll_seconds=0.3)

OpenScene = Callable[..., AbstractAsyncContextManager[Scene]]
OpenStreet = Callable[..., AbstractAsyncContextManager[Street]]

street_on_postgresql = pytest.mark.parametrize("street", ["postgresql"], indirect=True)
on_both_databases = pytest.mark.parametrize("scene_url", KINDS, indirect=True)
# The tests of each package run the statements on both; scenarios run on both in `make test-long`.
postgresql_at_length = pytest.mark.parametrize(
    "scene_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)


@pytest.fixture(autouse=True)
def _brisk_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a wait; a `Retry-After` is still awaited in full."""
    monkeypatch.setattr(retry, "BACKOFF", wait_random(0.01, 0.02))


@pytest.fixture(autouse=True)
def _patient_acks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the time limits of answers, for busy machines; the limits have their own tests."""
    monkeypatch.setattr(ack_window, "ANSWER_SECONDS", DEADLINE_SECONDS)
    monkeypatch.setattr(delivery, "_ACK_SECONDS", DEADLINE_SECONDS)
    monkeypatch.setattr(delivery, "_DEADLINE_SECONDS", DEADLINE_SECONDS)
    monkeypatch.setattr(workspace, "TRIGGER_SECONDS", DEADLINE_SECONDS)


@pytest.fixture
def scene_url(request: pytest.FixtureRequest, sqlite_url: str) -> str:
    """The URL of a migrated database: of an SQLite file, unless the test is for both kinds."""
    if getattr(request, "param", "sqlite") == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("migrated_postgresql")
        return create()
    return sqlite_url


@pytest.fixture(scope="session")
def template_databases(migrated_sqlite: Path) -> Path:
    """A folder with a migrated store; migrating a new one would take a second."""
    return migrated_sqlite.parent


@pytest.fixture(scope="session")
def nursery(template_databases: Path) -> Iterator[Nursery]:
    """Starts bots in processes of their own."""
    with Nursery(template_databases) as nursery:
        yield nursery


@pytest.fixture
def new_street(nursery: Nursery, template_databases: Path, tmp_path: Path) -> OpenStreet:
    """Open the stand-ins for bots in processes of their own, in a folder of this name; on a
    migrated SQLite file unless a URL is given.
    """

    def opened(
        name: str = "", *, database_url: str | None = None
    ) -> AbstractAsyncContextManager[Street]:
        template = None if database_url else template_databases
        return open_street(nursery, tmp_path / name, database_url=database_url, template=template)

    return opened


@pytest.fixture
async def street(request: pytest.FixtureRequest, new_street: OpenStreet) -> AsyncIterator[Street]:
    """On SQLite, unless the test is parametrized with the other kind of database, or both."""
    is_postgresql = getattr(request, "param", "sqlite") == "postgresql"
    url = request.getfixturevalue("migrated_postgresql")() if is_postgresql else None
    async with new_street(database_url=url) as street:
        yield street


@pytest.fixture
def timings(request: pytest.FixtureRequest) -> Timings:
    """How often a worker polls: more often in modules marked as ``watchful``."""
    return WATCHFUL if request.node.get_closest_marker("watchful") else QUICK


@pytest.fixture
def usual_environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings in addition to those of a scene: see ``only_taken_back``."""
    is_off = request.node.get_closest_marker("only_taken_back")
    return {"CALLAUDIO_DOWNGRADE": "off"} if is_off else {}


@pytest.fixture
def new_scene(scene_url: str, timings: Timings, usual_environment: dict[str, str]) -> OpenScene:
    """Open a scene with its own settings, timings or workspace. At its end Slack must have received
    nothing that a well-behaved app never sends, unless the scenario provokes it and says so
    (``Scene.excuse``), and every visible element must have a listener. With ``over_socket`` people
    reach the bot over Socket Mode.
    """

    @asynccontextmanager
    async def open_scene(
        *,
        environment: dict[str, str] | None = None,
        timings: Timings = timings,
        workspace: Workspace | None = None,
        region: str = "us",
        database_url: str | None = None,
        has_platform: bool = False,
        over_socket: bool = False,
        open_outlets: OpenOutlets = build_outlets,
        clock: Callable[[], datetime] = utc_now,
    ) -> AsyncIterator[Scene]:
        workspace = workspace or Workspace()
        token = {"SLACK_APP_TOKEN": workspace.app_token} if over_socket else {}
        async with open_stage(
            database_url or scene_url,
            environment={**usual_environment, **token, **(environment or {})},
            timings=timings,
            workspace=workspace,
            region=region,
            has_platform=has_platform,
            open_outlets=open_outlets,
            clock=clock,
        ) as stage:
            people: SlackPerson = stage.people
            if over_socket:
                await stage.slack.socket_mode.connected()
                people = SlackSocketSide(stage.slack)
            scene = Scene(replace(stage, people=people))
            yield scene
        # The bot has ended, and what it was doing at the end of the test counts too.
        assert [each for each in scene.workspace.violations if each not in scene.excused] == []
        assert unheard(scene.workspace) == set()

    return open_scene


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """The bot as it is set up in most workspaces: both keys, the default audience rule."""
    async with new_scene() as scene:
        yield scene


@pytest.fixture
def logs(
    logging_as_it_was: None,  # noqa: ARG001 - undone after the test
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, io.StringIO]:
    """Collect every log line from INFO on, as written and before masking."""
    written, unmasked = io.StringIO(), io.StringIO()
    secrets = (Workspace().bot_token, Workspace().signing_secret, PLAIN_KEY, RAW_KEY)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", written)
        configure_logging("json", secrets)
    logging.root.addHandler(logging.StreamHandler(unmasked))
    return {"logs": written, "logs before the mask": unmasked}
