"""Each fault, triggered by its button: the page shows the expected and the actual outcome."""

import pytest

from bot.cli.demo_script import CLEARED, QUALITY
from bot.sandbox.page.trials import TRIALS

pytestmark = pytest.mark.asyncio(loop_scope="session")


# tests/sandbox/page/test_trials.py triggers all of them by the page's requests.
@pytest.mark.parametrize("pressed", ["limited", pytest.param("killed", marks=pytest.mark.long)])
async def test_each_fault_shows_its_expected_and_its_actual_outcome(tab, pressed):
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
