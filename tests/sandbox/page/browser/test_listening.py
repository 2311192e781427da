"""Somebody asks for recordings on the page, and plays them."""

import pytest

from bot.cli.demo_script import CALL, CLEARED, NOT_CLEARED, QUALITY, SUPPORT
from bot.sandbox import recordings

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 12.06


@pytest.mark.parametrize(
    ("user_id", "channel_id", "redacted", "why"),
    [
        pytest.param(
            CLEARED,
            QUALITY,
            False,
            "The recording is raw because everybody who could hear it is",
            id="cleared",
        ),
        pytest.param(
            NOT_CLEARED,
            SUPPORT,
            True,
            "The recording is redacted because the person who asked is",
            id="not-cleared",
            marks=pytest.mark.long,
        ),
    ],
)
async def test_a_delivered_recording_plays_to_its_end_and_the_page_explains_it(
    tab, user_id, channel_id, redacted, why
):
    await tab.goes(user_id, channel_id)
    file = await tab.asks(CALL)
    assert file.content == recordings.load("combined", redacted=redacted)
    seconds, size = await tab.plays(file)
    assert seconds == pytest.approx(SECONDS, abs=0.01)
    assert size == len(file.content)
    await tab.row("requested by").get_by_role("link", name="Why?").click()
    await tab.page.get_by_text(why).wait_for()
