"""How soon the page is there: reported, as a busy machine would make any bound a lie."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")
READY = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


async def test_the_first_page_is_quick(tab, record_property):
    await tab.page.goto(tab.shared.address)
    milliseconds = round(await tab.page.evaluate(READY))
    record_property("first_page_ms", milliseconds)
    print(f"the first page was there after {milliseconds} ms")  # noqa: T201 - a report
    assert milliseconds > 0
