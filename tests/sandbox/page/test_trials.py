import html

import pytest

from bot.cli.demo_script import CLEARED
from bot.sandbox.page.trials import TRIALS
from tests.loopback import http_client

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def throw(shared, name):
    """Press the button; returns what the page shows afterwards."""
    async with http_client(base_url=shared.address, timeout=90) as http:
        answer = await http.post("/trial", data={"as": CLEARED, "trial": name})
        assert answer.status_code == 303
        return html.unescape((await http.get("/")).text)


# The scenarios test each of these faults too; all buttons are pressed only in `make test-long`.
AT_LENGTH = {"breaks_off", "killed", "joins", "shared", "public", "forwarded"}


@pytest.mark.parametrize(
    "trial",
    [
        pytest.param(
            trial, id=trial.name, marks=[pytest.mark.long] if trial.name in AT_LENGTH else []
        )
        for trial in TRIALS
    ],
)
async def test_each_fault_has_its_expected_outcome(shared, trial):
    page = await throw(shared, trial.name)
    _, _, row = page.partition(f'value="{trial.name}"')
    row, _, _ = row.partition("</li>")
    assert trial.expects in row
    assert "✓ as the rules say" in row


async def test_an_altered_event_is_found_while_the_bot_writes(shared):
    for _ in range(2):
        page = await throw(shared, "tampered")
        assert "✕" not in page
