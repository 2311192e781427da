"""A right from its request to its end: requested, approved, used, revoked."""

import pytest

from bot.cli.demo_script import ADMIN, GENERAL, NOT_CLEARED, SUPPORT, call_of_today
from bot.sandbox import recordings
from tests.polling import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_right_is_requested_approved_used_and_revoked(tab):
    people = tab.page.locator("#sidebar")
    agent = people.get_by_role("link", name="Agent")
    await tab.goes(NOT_CLEARED, SUPPORT)
    await tab.asks(call_of_today(1))
    await tab.button("Request access").click()
    await tab.dialog.locator("textarea").fill("A caller disputes what was agreed")
    await tab.dialog.locator("select").select_option("1")
    await tab.dialog.get_by_role("button", name="Send").click()
    await tab.dialog.get_by_text("Your request is on its way to the admins").wait_for()
    await tab.dialog.get_by_role("button", name="Close").click()
    await tab.dialog.wait_for(state="detached")

    await tab.acts_as("Admin")
    await tab.opens("direct messages")
    await tab.button("Approve").click()
    await tab.sees("Approved")
    await agent.locator(".yes").wait_for()

    await tab.acts_as("Agent")
    await tab.opens("direct messages")
    file = await tab.asks(call_of_today(2))
    assert file.content == recordings.load("combined", redacted=False)
    assert (await tab.plays(file))[1] == len(file.content)

    await tab.goes(ADMIN, GENERAL)
    await tab.types("/callaudio-admin revoke @Agent pii")
    await agent.locator(".no").wait_for()
    await tab.acts_as("Agent")
    await tab.opens("direct messages")
    await tab.player(file).wait_for(state="detached")
    workspace = tab.shared.stage.workspace
    await until(lambda: workspace.file_table[file.id].deleted)
    assert not workspace.sees_file(NOT_CLEARED, file.id)
