"""Axe finds no serious fault of the page, in both themes and both widths."""

from pathlib import Path

import pytest

from bot.cli.demo_script import ADMIN, CLEARED, NOT_CLEARED, QUALITY, SUPPORT, call_of_today
from tests.sandbox.page.browser.conftest import DESKTOP, PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")
AXE = Path(__file__).parents[4] / ".cache/axe/node_modules/axe-core/axe.min.js"
FOUND = """
async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .filter((each) => ["serious", "critical"].includes(each.impact))
  .flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.html.slice(0, 160)}`))
"""


@pytest.fixture
def axe():
    if not AXE.exists():
        pytest.skip("there is no axe: `make axe` fetches it with npm")
    return AXE.read_text()


async def findings(tab, axe):
    await tab.page.evaluate(axe)
    return await tab.page.evaluate(FOUND)


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.long)])
async def test_axe_finds_no_serious_fault(axe, tab, theme):
    page = tab.page
    await page.emulate_media(color_scheme=theme)
    await tab.goes(NOT_CLEARED, SUPPORT)
    await tab.asks(call_of_today(5 if theme == "light" else 4))
    await tab.row("requested by").get_by_role("link", name="Why?").click()
    await page.locator(".versions").wait_for()
    for summary in await page.locator("aside summary").all():
        await summary.click()
    for size in (DESKTOP, PHONE):
        await page.set_viewport_size(size)
        assert await findings(tab, axe) == [], size
    await tab.button("Request access").click()
    await tab.dialog.locator("textarea").wait_for()
    assert await findings(tab, axe) == [], "modal"
    await page.keyboard.press("Escape")
    await tab.dialog.wait_for(state="detached")
    await tab.goes(ADMIN, QUALITY, home="1")
    await page.locator("#home .blocks").wait_for()
    assert await findings(tab, axe) == [], "Home"
    await tab.goes(CLEARED, QUALITY)
    assert await findings(tab, axe) == [], "channel"
