"""A modal opens at once and later shows the result or its error."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.errors import CallAudioError
from bot.observability.metrics import Metrics
from bot.sandbox.faults import Fault
from bot.sandbox.workspace import Workspace
from bot.slack import modals as modals_module
from bot.slack.blocks import View, notice
from bot.slack.error_answers import ErrorAnswers
from bot.slack.modals import Modals, TooManyModals
from bot.slack.web_api.api import SlackApi
from tests.polling import until
from tests.slack.conftest import ALICE


@pytest.fixture
async def modals(
    api: SlackApi, http: httpx.AsyncClient, waits: list[float]
) -> AsyncIterator[Modals]:
    async def note(seconds: float) -> None:
        waits.append(seconds)

    modals = Modals(api, ErrorAnswers(Metrics(), api, http), sleep=note)
    yield modals
    await modals.close()


def shown(workspace: Workspace) -> str:
    [view] = workspace.views.values()
    return str(view.body["blocks"])


async def until_shown(workspace: Workspace, words: str) -> None:
    await until(lambda: words in shown(workspace))


async def test_the_modal_shows_a_wait_text_and_then_the_result(modals, workspace):
    known = asyncio.Event()

    async def fill() -> View:
        await known.wait()
        return notice("Here it is.")

    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", fill)
    assert "One moment" in shown(workspace)
    assert "close this and try again" in shown(workspace)
    known.set()
    await until_shown(workspace, "Here it is.")


async def test_a_refusal_is_shown_in_the_modal_with_its_reference(modals, workspace):
    async def fill() -> View:
        raise CallAudioError(what="PolyAI does not know that.")

    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", fill)
    await until_shown(workspace, "PolyAI does not know that.")
    assert "Reference" in shown(workspace)


async def test_a_bug_is_shown_as_a_reference_only(modals, workspace):
    async def fill() -> View:
        raise RuntimeError("+44 20 7946 0000")

    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", fill)
    await until_shown(workspace, "Reference")
    assert "7946" not in shown(workspace)


async def test_a_missing_result_is_reported(modals, workspace, monkeypatch):
    monkeypatch.setattr(modals_module, "FILL_SECONDS", 0.01)
    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", asyncio.Event().wait)
    await until_shown(workspace, "too long")


async def test_the_newest_result_is_kept_whichever_arrives_first(modals, workspace):
    slow = asyncio.Event()

    async def old() -> View:
        await slow.wait()
        return notice("Old.")

    async def new() -> View:
        return notice("New.")

    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", old)
    (view_id,) = workspace.views
    modals.refill(view_id, new)
    await until_shown(workspace, "New.")
    slow.set()
    await asyncio.sleep(0.05)
    assert "New." in shown(workspace)
    assert modals._filling == {}


async def test_the_number_of_open_modals_is_limited_and_one_filled_again_counts_once(
    modals, workspace, monkeypatch
):
    monkeypatch.setattr(modals_module, "MAX_FILLING", 1)
    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", asyncio.Event().wait)
    (view_id,) = workspace.views
    for _ in range(3):
        modals.refill(view_id, asyncio.Event().wait)
    with pytest.raises(TooManyModals):
        modals.refill("V0OTHER", asyncio.Event().wait)
    with pytest.raises(TooManyModals):
        await modals.open(workspace.issue_trigger(ALICE), "Get call audio", asyncio.Event().wait)


async def test_modals_that_are_opened_at_the_same_time_count_too(modals, workspace, monkeypatch):
    monkeypatch.setattr(modals_module, "MAX_FILLING", 1)
    triggers = [workspace.issue_trigger(ALICE) for _ in range(3)]
    opening = (modals.open(each, "Get call audio", asyncio.Event().wait) for each in triggers)
    results = await asyncio.gather(*opening, return_exceptions=True)
    assert [type(each) for each in results] == [type(None), TooManyModals, TooManyModals]
    assert len(workspace.views) == 1


HERE = notice("Here it is.")
REFUSALS = {
    "a disturbance": Fault("views.update", error="internal_error"),
    "too many calls": Fault("views.update", status=429, headers={"Retry-After": "7"}),
    "the same as a word": Fault("views.update", error="ratelimited"),
    "a broken answer": Fault("views.update", status=502),
    "a lost answer": Fault("views.update", when="after", drop_connection=True),
}


async def here() -> View:
    return HERE


@pytest.mark.parametrize("fault", REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_update_is_retried(modals, workspace, slack, waits, fault):
    slack.faults.add(fault)
    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", here)
    await until_shown(workspace, "Here it is.")
    # Where the answer was lost, the modal shows the update before the bot retries it.
    await until(lambda: waits)
    (waited,) = waits
    assert waited >= (7 if fault.status == 429 else 0)


async def test_an_update_that_is_always_refused_shows_the_error_instead(modals, workspace, slack):
    slack.faults.add(Fault("views.update", error="internal_error", times=4))
    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", here)
    await until_shown(workspace, "Slack did not answer clearly.")
    for words in ("*Likely cause:*", "*What to do:*", "Reference"):
        assert words in shown(workspace)


async def test_a_long_retry_after_is_awaited_before_the_error_is_shown(
    modals, workspace, slack, waits
):
    much = Fault("views.update", status=429, headers={"Retry-After": "45"})
    slack.faults.add(much)
    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", here)
    await until_shown(workspace, "Slack limits how fast I may post.")
    assert waits == [45]


async def test_a_closed_modal_is_left_alone(modals, workspace):
    known = asyncio.Event()

    async def fill() -> View:
        await known.wait()
        return HERE

    await modals.open(workspace.issue_trigger(ALICE), "Get call audio", fill)
    workspace.views.clear()
    known.set()
    await until(lambda: not modals._filling)
    assert [call.status for call in workspace.called("views.update")] == ["not_found"]
