"""The tools beside the chat: the story, the faults, an own recording, the audit chain."""

import pytest

from bot.cli.demo_script import ACTS, CLEARED, NOT_CLEARED, QUALITY, SUPPORT
from bot.sandbox import recordings
from bot.sandbox.page.own_call import muted
from bot.sandbox.page.trials import TRIALS

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_story_is_played_in_one_click_and_the_chain_then_verified(tab):
    await tab.goes(CLEARED, QUALITY)
    story = tab.page.locator("#story")
    await story.locator("summary").click()
    await story.get_by_role("button", name="Play it").click()
    await story.get_by_text(f"✓ All {len(ACTS)} are as the rules say").wait_for()
    assert await story.locator("li").count() == len(ACTS)
    await tab.page.get_by_role("button", name="Verify the chain").click()
    await tab.page.locator("#verify").get_by_text("events, none altered").wait_for()


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


async def test_an_uploaded_recording_is_delivered_like_any_other(tab, tmp_path):
    own = recordings.load("combined", redacted=False)
    (tmp_path / "mine.wav").write_bytes(own)
    await tab.goes(NOT_CLEARED, SUPPORT)
    await tab.page.locator("#own-recording summary").click()
    form = tab.page.locator("#own")
    await form.locator("[name=file]").set_input_files(tmp_path / "mine.wav")
    await form.get_by_label("Muted in its redacted version").fill("1-2, 4-6.5")
    await form.get_by_role("button", name="Use it").click()
    await form.get_by_text("The next call is").wait_for()
    command = await tab.page.get_by_label("Message or command").input_value()
    file = await tab.asks(command.removeprefix("/callaudio "))
    assert file.content == muted(own, [(1, 2), (4, 6.5)])
    await tab.row("requested by").get_by_role("link", name="Why?").click()
    why = "The recording is redacted because the person who asked is"
    await tab.page.get_by_text(why).wait_for()
    versions = tab.page.locator(".versions")
    await versions.get_by_text("Muted: 1.0 to 2.0 s, 4.3 to 6.5 s").wait_for()
    sent = versions.locator("figure").filter(has_text="sent")
    assert (await sent.inner_text()).startswith("Redacted")


async def test_a_file_that_is_no_recording_is_refused_with_a_reason(tab, tmp_path):
    (tmp_path / "song.wav").write_bytes(b"ID3 this is a song")
    await tab.goes(CLEARED, QUALITY)
    await tab.page.locator("#own-recording summary").click()
    form = tab.page.locator("#own")
    await form.locator("[name=file]").set_input_files(tmp_path / "song.wav")
    await form.get_by_role("button", name="Use it").click()
    await form.get_by_text("That is no WAV with plain (PCM) samples.").wait_for()
