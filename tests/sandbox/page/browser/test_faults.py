"""Every fault, thrown by its button: the page says what to expect, and whether it came."""

import pytest

from bot.cli.demo_script import CLEARED, QUALITY
from bot.sandbox.page.trials import TRIALS

pytestmark = pytest.mark.asyncio(loop_scope="session")


# The page's own requests throw them all in tests/sandbox/page/test_trials.py.
@pytest.mark.parametrize("pressed", ["limited", pytest.param("killed", marks=pytest.mark.long)])
async def test_each_button_says_what_to_expect_and_how_its_fault_ended(tab, pressed):
    await tab.goes(CLEARED, QUALITY)
    faults = tab.page.locator("#trials")
    await faults.locator("summary").click()
    for trial in TRIALS:
        row = faults.locator("li").filter(has_text=trial.label)
        await row.wait_for()
        assert trial.expects in await row.inner_text()
        if trial.name != pressed:
            continue
        await row.get_by_role("button", name=trial.label).click()
        await row.get_by_text("✓ as the rules say").wait_for()
        await row.get_by_role("link", name="see #trial-").wait_for()
