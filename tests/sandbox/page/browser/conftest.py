"""Debian's Chromium on the shared sandbox; nothing in it may leave this machine."""

import os
import shutil

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.pictures.chromium import PROGRAM
from tests.sandbox.page.browser.tab import DESKTOP, Tab

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
