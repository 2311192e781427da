import pytest

from bot.cli.demo_script import CALL, CLEARED, QUALITY
from bot.sandbox.page.trials import TRIALS


@pytest.mark.parametrize("trial", TRIALS, ids=[trial.name for trial in TRIALS])
async def test_each_fault_ends_as_the_rules_say(visitor, trial):
    before = await visitor.sees(CLEARED, QUALITY)
    assert trial.expects in before
    assert "as the rules say" not in before
    answer = await visitor.http.post(
        "/trial", data={"as": CLEARED, "trial": trial.name}, timeout=60
    )
    assert answer.status_code == 303
    page = await visitor.sees(CLEARED, QUALITY)
    assert "✓ as the rules say" in page
    assert "not as the rules say" not in page
    assert trial.label in page


async def test_an_altered_event_is_found_while_the_bot_writes(visitor):
    for _ in range(4):
        await visitor.does("/say", CLEARED, QUALITY, text=f"/callaudio {CALL}")
        answer = await visitor.http.post(
            "/trial", data={"as": CLEARED, "trial": "tampered"}, timeout=60
        )
        assert answer.status_code == 303
        assert "✓ as the rules say" in await visitor.sees(CLEARED, QUALITY)
