"""Ways to request a recording: the command, a shortcut, a digest's button, the keyboard."""

import pytest

from bot.cli.demo_script import ADMIN, CALL, CLEARED, GENERAL, QUALITY, call_of_today
from bot.sandbox import recordings
from tests.polling import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 12.06


async def test_a_delivered_recording_plays_to_its_end_and_the_page_explains_it(tab):
    await tab.goes(CLEARED, QUALITY)
    file = await tab.asks(CALL)
    assert file.content == recordings.load("combined", redacted=False)
    seconds, size = await tab.plays(file)
    assert seconds == pytest.approx(SECONDS, abs=0.01)
    assert size == len(file.content)
    await tab.row("requested by").get_by_role("link", name="Why?").click()
    why = "The recording is raw because everybody who could hear it is"
    await tab.page.get_by_text(why).wait_for()


@pytest.mark.long
async def test_a_shortcut_in_a_thread_delivers_the_recording_into_that_thread(tab):
    await tab.goes(CLEARED, QUALITY)
    first = await tab.asks(call_of_today(3))
    reply = tab.page.locator("#timeline > form.reply").last
    await reply.get_by_role("button", name="Get call audio").click()
    await tab.dialog.get_by_label("Redacted").check()
    await tab.dialog.get_by_role("button", name="Get recording").click()
    await tab.dialog.get_by_text("You can close this").wait_for()
    await tab.dialog.get_by_role("button", name="Close").click()
    await tab.dialog.wait_for(state="detached")

    def second():
        seen = tab.shared.stage.workspace.visible_recordings(QUALITY, first.thread_ts)
        return seen[1] if len(seen) > 1 else None

    file = await until(second)
    assert file.content == recordings.load("combined", redacted=True)
    assert (await tab.plays(file))[1] == len(file.content)


@pytest.mark.long
async def test_a_digests_button_delivers_the_recording_into_the_digests_thread(tab):
    workspace = tab.shared.stage.workspace
    known = {file.id for file in workspace.visible_recordings(QUALITY)}
    await tab.goes(ADMIN, GENERAL)
    await tab.types("/callaudio-admin digest add calls #quality at 09:00 every day Europe/London")
    await tab.button("Save").click()
    digest_id = await tab.row("Saved as").locator("code").first.inner_text()
    await tab.types(f"/callaudio-admin digest run {digest_id}")
    await tab.goes(CLEARED, QUALITY)
    digest = tab.row("Get call audio").filter(has_text="handed off")
    await digest.locator('button[name="pressed"]').first.click()

    def new():
        return [file for file in workspace.visible_recordings(QUALITY) if file.id not in known]

    (file,) = await until(new)
    await tab.player(file).wait_for()
    (parent,) = [m for m in workspace.messages(QUALITY) if m.ts == file.thread_ts]
    assert "Get call audio" in str(parent.blocks)
    assert file.content == recordings.load("combined", redacted=False)


async def test_everything_works_with_the_keyboard_only(tab):
    await tab.goes(CLEARED, QUALITY)
    keyboard, focused = tab.page.keyboard, tab.page.locator(":focus")
    await keyboard.press("/")
    await keyboard.press("Control+A")
    await keyboard.type(f"/callaudio {call_of_today(4)} redacted")
    await keyboard.press("Enter")
    await tab.row(f"{call_of_today(4)} (redacted)").locator("audio").wait_for()

    for _ in range(2):  # past Send
        await keyboard.press("Tab")
    assert await focused.inner_text() == "Find a call"
    await keyboard.press("Enter")
    await tab.dialog.get_by_text("Which call?").wait_for()
    for _ in range(30):
        await keyboard.press("Tab")
        assert await focused.count() == 0 or await tab.dialog.locator(":focus").count() == 1
    await keyboard.press("Escape")
    await tab.dialog.wait_for(state="detached")
    assert await focused.inner_text() == "Find a call"


async def test_an_invited_person_without_the_right_hears_no_raw_recording(tab):
    workspace = tab.shared.stage.workspace
    await tab.goes(CLEARED, QUALITY)
    raw = await tab.asks(call_of_today(1))
    assert raw.content == recordings.load("combined", redacted=False)
    await tab.types("/invite @Guest")
    await tab.player(raw).wait_for(state="detached")
    (redacted,) = await until(lambda: workspace.visible_recordings(QUALITY, raw.thread_ts))
    assert redacted.content == recordings.load("combined", redacted=True)
    await tab.player(redacted).wait_for()
    card = tab.row(f"{call_of_today(1)}, requested by")
    await card.get_by_role("link", name="Why?").click()
    await tab.page.get_by_text("Raw was here, and was deleted: who can hear it changed").wait_for()
    await tab.types("/remove @Guest")
    await tab.page.locator(".members").get_by_text("Guest").wait_for(state="detached")
