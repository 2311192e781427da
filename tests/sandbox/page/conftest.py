"""The page of a running stage, and a browser's requests to it without the browser."""

import html
import re
import shutil
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from bot.cli.demo_page import open_page
from bot.cli.demo_script import ENVIRONMENT, set_up
from bot.cli.demo_worker import WorkerProcess, database_in, open_killable
from bot.cli.stage import Stage, open_stage
from tests.loopback import http_client
from tests.polling import until


@dataclass
class Visitor:
    """Somebody with the page open."""

    http: httpx.AsyncClient
    stage: Stage

    async def sees(self, user_id: str, channel_id: str, **more: str) -> str:
        answer = await self.http.get("/", params={"as": user_id, "in": channel_id, **more})
        assert answer.status_code == 200
        return html.unescape(answer.text)

    async def does(self, path: str, user_id: str, channel_id: str, **form: str) -> None:
        answer = await self.http.post(path, data={"as": user_id, "in": channel_id, **form})
        assert answer.status_code == 303, answer.text

    async def waits_for(self, words: str, user_id: str, channel_id: str, **more: str) -> str:
        async def there():
            page = await self.sees(user_id, channel_id, **more)
            return page if words in page else None

        return await until(there)


@dataclass(frozen=True)
class OpenSandbox:
    """A sandbox that tests share, with its worker in a process of its own."""

    stage: Stage
    address: str


def pressed(page: str, label: str) -> str:
    """What a button with this label sends."""
    (found,) = re.findall(rf"name=\"pressed\" value=\"(\{{[^}}]*\}})\"[^>]*>{label}<", page)[-1:]
    return found


@pytest.fixture
async def visitor(tmp_path, migrated_sqlite):
    shutil.copy(migrated_sqlite, tmp_path / "demo.db")
    never_started = WorkerProcess({}, tmp_path)
    async with (
        open_stage(database_in(tmp_path), environment=ENVIRONMENT) as stage,
        open_page(stage, never_started) as address,
        http_client(base_url=address) as http,
    ):
        await set_up(stage)
        yield Visitor(http, stage)
        assert stage.workspace.violations == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(tmp_path_factory, migrated_sqlite):
    """One sandbox for all tests that leave its people and channels usable."""
    folder = tmp_path_factory.mktemp("sandbox")
    shutil.copy(migrated_sqlite, folder / "demo.db")
    async with open_killable(folder) as (stage, worker), open_page(stage, worker) as address:
        await set_up(stage)
        yield OpenSandbox(stage, address)
        assert stage.workspace.violations == []
