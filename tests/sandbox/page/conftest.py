"""The page of a running stage, and a browser's requests to it without the browser."""

import html
import re
from dataclasses import dataclass

import httpx
import pytest

from bot.cli.demo_page import open_page
from bot.cli.demo_script import ENVIRONMENT, set_up
from bot.cli.stage import Stage, open_stage
from bot.store.database import async_url
from bot.store.schema import upgrade
from tests.patience import until


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


def pressed(page: str, label: str) -> str:
    """What a button with this label sends."""
    (found,) = re.findall(rf"name=\"pressed\" value=\"(\{{[^}}]*\}})\"[^>]*>{label}<", page)[-1:]
    return found


@pytest.fixture
async def visitor(tmp_path):
    database_url = f"sqlite:///{tmp_path}/demo.db"  # as in the demo
    upgrade(async_url(database_url))
    async with (
        open_stage(database_url, environment=ENVIRONMENT) as stage,
        open_page(stage) as address,
        httpx.AsyncClient(base_url=address, trust_env=False) as http,
    ):
        await set_up(stage)
        yield Visitor(http, stage)
        assert stage.workspace.violations == []
