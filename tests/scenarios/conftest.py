"""A running bot on its stand-ins for each scenario."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tenacity.wait import wait_exponential_jitter

from bot import retry
from bot.cli.stage import open_stage
from bot.jobs.engine import DELIVERIES, DIGESTS, Engine, Work
from bot.jobs.running import SOLE_EXECUTOR
from bot.jobs.workflow import RetryRule
from bot.recordings.sharing import Patience
from bot.sandbox.workspace import Workspace
from bot.store.database import async_url
from bot.store.schema import upgrade
from bot.wiring.digests import OpenOutlets, build_outlets
from bot.wiring.pace import Pace
from tests.conftest import KINDS
from tests.drawn import unheard
from tests.scenarios.scene import Scene

# What takes seconds among people takes hundredths here; the steps and their order are the same.
QUICK = Pace(
    patience=Patience(visible_seconds=(0.05, 0.1, 0.2, 0.3)),
    retry=RetryRule(attempts=3, max_wait_seconds=0.5),
    lapse=timedelta(seconds=1),
    drain_seconds=5,
    access_again_after=timedelta(seconds=0.5),
    home_pause_seconds=1,
)
# Where a scenario is about what a worker looks after by itself; each look costs the processor.
WATCHFUL = replace(QUICK, access_pause_seconds=0.3, home_pause_seconds=0.3, feed_seconds=0.4)

OpenScene = Callable[..., AbstractAsyncContextManager[Scene]]

on_both_databases = pytest.mark.parametrize("scene_url", KINDS, indirect=True)


@pytest.fixture(autouse=True)
def _brisk_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tries follow one another at once; a `Retry-After` is still waited for in full."""

    def brisk(**usual: float) -> wait_exponential_jitter:
        return wait_exponential_jitter(**{**usual, "multiplier": 0.01, "jitter": 0.01})

    monkeypatch.setattr(retry, "wait_exponential_jitter", brisk)


async def _nothing(delivery_id: str) -> str:
    return delivery_id


@pytest.fixture(scope="session")
def template_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated store and its engine's file: made anew, they would cost seconds."""
    folder = tmp_path_factory.mktemp("template")
    _prepare(f"sqlite:///{folder}/callaudio.db", SOLE_EXECUTOR)
    return folder


@pytest.fixture(scope="session")
def scene_postgresql(
    postgresql: Callable[[], str], copied_postgresql: Callable[[str], str]
) -> Callable[[], str]:
    """Make databases: each call gives the URL of a new one with the store and the engine's part."""
    template_url = postgresql()
    _prepare(template_url, "worker-template")
    return lambda: copied_postgresql(template_url)


def _prepare(database_url: str, executor_id: str) -> None:
    url = async_url(database_url)
    upgrade(url)

    async def prepare() -> None:
        engine = Engine(store_url=url, executor_id=executor_id)
        await engine.start([Work(DELIVERIES, _nothing), Work(DIGESTS, _nothing)])
        await engine.stop(drain_seconds=1)

    asyncio.run(prepare())


@pytest.fixture
def scene_url(request: pytest.FixtureRequest, template_databases: Path, tmp_path: Path) -> str:
    """The URL of a prepared database: of an SQLite file, unless the test is for both kinds."""
    if getattr(request, "param", "sqlite") == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("scene_postgresql")
        return create()
    shutil.copytree(template_databases, tmp_path, dirs_exist_ok=True)
    return f"sqlite:///{tmp_path}/callaudio.db"


@pytest.fixture
def pace(request: pytest.FixtureRequest) -> Pace:
    """How often a worker looks around: more often in modules marked as ``watchful``."""
    return WATCHFUL if request.node.get_closest_marker("watchful") else QUICK


@pytest.fixture
def new_scene(scene_url: str, pace: Pace) -> OpenScene:
    """Open a scene with settings, a pace or a workspace of its own.

    At its end nothing may have reached Slack that a well-behaved app never sends, unless the
    scenario provokes it and says so: ``Scene.excuse``; and nothing may be there to be used that
    nothing listens to.
    """

    @asynccontextmanager
    async def open_scene(
        *,
        environment: dict[str, str] | None = None,
        pace: Pace = pace,
        workspace: Workspace | None = None,
        region: str = "us",
        database_url: str | None = None,
        has_platform: bool = False,
        open_outlets: OpenOutlets = build_outlets,
    ) -> AsyncIterator[Scene]:
        async with open_stage(
            database_url or scene_url,
            environment=environment,
            pace=pace,
            workspace=workspace,
            region=region,
            has_platform=has_platform,
            open_outlets=open_outlets,
        ) as stage:
            scene = Scene(stage)
            yield scene
            found = scene.workspace.violations
            assert [each for each in found if each not in scene.excused] == []
            assert unheard(scene.workspace) == set()

    return open_scene


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    """The bot as it is set up in most workspaces: both keys, the default audience rule."""
    async with new_scene() as scene:
        yield scene
