"""The time until the page is shown: only reported, because a busy machine would break any limit."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")
READY = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


async def test_the_first_page_is_quick(tab, record_property):
    await tab.page.goto(tab.shared.address)
    milliseconds = round(await tab.page.evaluate(READY))
    record_property("first_page_ms", milliseconds)
    print(f"the first page was there after {milliseconds} ms")  # noqa: T201 - a report
    assert milliseconds > 0
