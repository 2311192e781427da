"""Every kind of control that the bot puts on a card, into a form or into its Home."""

import asyncio

import pytest

from bot.cli.demo_script import ADMIN, CLEARED, GENERAL, QUALITY, call_of_today
from bot.sandbox import recordings
from tests.polling import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_each_control_of_a_card_works(tab):
    await tab.goes(CLEARED, QUALITY)
    file = await tab.asks(call_of_today(5))
    about = f"{call_of_today(5)}, requested by"
    card = tab.page.locator("#timeline > form").filter(has_text=about).first
    await card.get_by_role("button", name="Waveform").click()
    await tab.dialog.locator("img").wait_for()
    await tab.page.keyboard.press("Escape")
    await tab.dialog.wait_for(state="detached")
    await card.get_by_role("button", name="Transcript").click()
    transcript = tab.row(f"{call_of_today(5)} (transcript)")
    await transcript.get_by_text("Thank you for calling").wait_for()
    await card.locator("select").select_option(index=1)
    workspace = tab.shared.stage.workspace
    other = await until(lambda: workspace.visible_recordings(QUALITY, file.thread_ts)[2:])
    assert other[0].content == recordings.load("user", redacted=False)
    tab.page.on("dialog", lambda asked: asyncio.ensure_future(asked.accept()))
    await card.get_by_role("button", name="Delete").click()
    await tab.player(file).wait_for(state="detached")
    await card.get_by_text("was deleted from Slack by").wait_for()


@pytest.mark.long
async def test_each_control_of_the_finder_works(tab):
    await tab.goes(CLEARED, QUALITY)
    await tab.page.get_by_role("button", name="Find a call").click()
    await tab.dialog.get_by_text("Which call?").wait_for()
    await tab.dialog.get_by_role("radio").nth(1).check()
    await tab.dialog.get_by_label("Where should it be posted?").select_option(QUALITY)
    await tab.dialog.get_by_label("Which side of the call?").select_option("agent")
    await tab.dialog.get_by_label("Redacted").check()
    await tab.dialog.get_by_role("button", name="Send recording").click()
    await tab.dialog.get_by_text("It will be posted in").wait_for()
    await tab.page.keyboard.press("Escape")
    await tab.row(call_of_today(2)).locator("audio").wait_for()
    newest = tab.shared.stage.workspace.visible_recordings(QUALITY)[-1]
    assert newest.content == recordings.load("agent", redacted=True)


@pytest.mark.long
async def test_each_control_of_the_home_works(tab):
    await tab.goes(ADMIN, GENERAL, home="1")
    await tab.button("Add a digest").click()
    form = tab.dialog
    await form.get_by_label("What should it report?").select_option("access")
    await form.get_by_label("In which channel?").select_option(QUALITY)
    await form.get_by_label("When?").fill("09:00 mon-fri")
    await form.get_by_label("In which time zone?").fill("Europe/Nowhere")
    await form.get_by_role("button", name="Continue").click()
    await form.get_by_role("alert").get_by_text("I do not know the time zone").wait_for()
    assert await form.get_by_label("When?").input_value() == "09:00 mon-fri"
    await form.get_by_label("In which time zone?").fill("Europe/London")
    await form.get_by_role("button", name="Continue").click()
    await form.get_by_text("Nothing is saved yet").wait_for()
    await form.get_by_role("button", name="Save").click()
    await form.get_by_text("Saved as").or_(tab.row("access digest")).first.wait_for()
    await tab.page.keyboard.press("Escape")
    await tab.dialog.wait_for(state="detached")
