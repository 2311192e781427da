"""Debian's Chromium on the shared sandbox, and a person's actions in it; nothing leaves it."""

import os
import shutil
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, async_playwright

from bot.sandbox.objects import File
from tests.pictures.chromium import PROGRAM
from tests.polling import until
from tests.sandbox.page.conftest import OpenSandbox

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
LIMIT_MS = 60_000
DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
PLAY = """
async (audio) => {
  await audio.play();
  const body = await (await fetch(audio.src)).arrayBuffer();
  await new Promise((played) => { audio.ontimeupdate = () => audio.currentTime && played(); });
  audio.pause();
  return [audio.duration, body.byteLength, audio.error];
}
"""


@dataclass(frozen=True)
class Tab:
    """One tab with the page."""

    page: Page
    shared: OpenSandbox

    async def goes(self, user_id: str, channel_id: str, **more: str) -> None:
        query = "&".join(f"{k}={v}" for k, v in {"as": user_id, "in": channel_id, **more}.items())
        await self.page.goto(f"{self.shared.address}?{query}")

    async def acts_as(self, person: str) -> None:
        """Click on somebody in the list of people."""
        await self.page.locator("#sidebar").get_by_role("link", name=person).click()

    async def opens(self, place: str) -> None:
        """Click on a channel, or on the direct messages."""
        await self.page.locator("#sidebar").get_by_role("link", name=place).click()

    async def types(self, text: str) -> None:
        """Write into the composer, and send it."""
        await self.page.get_by_label("Message or command").fill(text)
        await self.page.get_by_role("button", name="Send", exact=True).click()

    def row(self, words: str) -> Locator:
        """The newest message with these words."""
        return self.page.locator("#timeline > form").filter(has_text=words).last

    def button(self, name: str) -> Locator:
        """The newest button of this name in the channel."""
        return self.page.locator("#timeline").get_by_role("button", name=name).last

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    async def sees(self, words: str) -> None:
        """Wait until these words are in the channel."""
        await self.page.locator("#timeline").get_by_text(words).last.wait_for()

    async def asks(self, conversation_id: str, more: str = "") -> File:
        """Type the command, and wait until its recording is shown; gives the file."""
        channel_id = await self.page.locator("#composer [name=in]").input_value()
        workspace = self.shared.stage.workspace
        before = {file.id for file in workspace.visible_recordings(channel_id)}
        await self.types(f"/callaudio {conversation_id} {more}")

        def new() -> list[File]:
            return [f for f in workspace.visible_recordings(channel_id) if f.id not in before]

        (file,) = await until(new)
        await self.player(file).wait_for()
        return file

    def player(self, file: File) -> Locator:
        return self.page.locator(f'#timeline audio[src*="{file.id}"]')

    async def plays(self, file: File) -> tuple[float, int]:
        """Play a recording; gives its seconds and bytes, as the browser takes them."""
        seconds, size, error = await self.player(file).evaluate(PLAY)
        assert error is None
        return seconds, size


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"there is no {PROGRAM} to use the page with; CHROMIUM=… names another")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=SWITCHES, env={"HOME": "/", "PATH": os.environ["PATH"]}
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def tab(browser, shared):
    """A new tab; at its end it had no error and made requests only to the page."""
    context = await browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(LIMIT_MS)
    asked, broken = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = await context.new_page()
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield Tab(page, shared)
    await context.close()
    assert asked
    assert [url for url in asked if not url.startswith((shared.address, "data:", "blob:"))] == []
    assert broken == []
