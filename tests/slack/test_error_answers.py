"""Each kind of request gets its error in a form that Slack shows."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from bot.access_requests.submit import ReasonUnusable
from bot.observability.metrics import Metrics
from bot.sandbox.block_limits import problems
from bot.sandbox.faults import Fault
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.slack.blocks import notice
from bot.slack.error_answers import ErrorAnswers
from bot.slack.web_api.api import SlackApi
from tests.polyai.scripted_server import ScriptedServer
from tests.polyai.scripted_server import answer as scripted
from tests.slack.conftest import ALICE, CHANNEL

Answer = Callable[..., Awaitable[Any]]


@pytest.fixture
def answers(api: SlackApi, http: httpx.AsyncClient) -> ErrorAnswers:
    return ErrorAnswers(Metrics(), api, http)


@pytest.fixture
def answer(answers: ErrorAnswers) -> Answer:
    async def call(body: dict[str, Any], error: Exception | None = None) -> dict[str, Any] | None:
        response = await answers.answer(error or ReasonUnusable(), body)
        assert response.status == 200
        return json.loads(response.body) if response.body else None

    return call


@pytest.fixture
def url(slack: SlackSandbox) -> str:
    """Return the response URL of a press."""
    return slack.workspace.issue_response_url(ALICE, CHANNEL)


async def test_a_command_is_answered_in_the_ack(answer, url, workspace):
    told = await answer({"command": "/callaudio", "response_url": url})

    assert told["response_type"] == "ephemeral"
    assert "*What to do:*" in told["text"]
    assert workspace.ephemerals == []


@pytest.mark.parametrize("kind", ["block_actions", "message_action"])
async def test_a_press_or_shortcut_is_answered_privately_at_its_response_url(
    answer, url, workspace, kind
):
    assert await answer({"type": kind, "response_url": url, "trigger_id": "unused"}) is None

    (shown,) = workspace.ephemerals
    assert (shown.user, shown.via) == (ALICE, "response_url")
    assert "A reason has" in shown.text
    assert workspace.views == {}


async def test_a_press_that_cannot_be_answered_there_is_acknowledged(answer, url, slack):
    slack.faults.add(Fault("response_url", status=404))
    told = await answer({"type": "block_actions", "response_url": url})
    assert "A reason has" in told["text"]


async def test_a_press_with_an_unconfirmed_answer_is_not_answered_again(
    answer, slack, workspace, monkeypatch
):
    monkeypatch.setattr("bot.slack.error_answers.RESPOND_SECONDS", 0.3)
    for loss in ({"drop_connection": True}, {"hang": True}):
        slack.faults.add(Fault("response_url", when="after", **loss))
        url = workspace.issue_response_url(ALICE, CHANNEL)
        trigger_id = workspace.issue_trigger(ALICE)
        body = {"type": "block_actions", "response_url": url, "trigger_id": trigger_id}
        assert await answer(body) is None
    slack.faults.release_all()

    assert len(workspace.ephemerals) == 2
    assert workspace.views == {}


async def test_a_url_that_is_not_slacks_is_not_called(answer):
    async with ScriptedServer(answers=[scripted()]) as stranger:
        elsewhere = stranger.url.replace("127.0.0.1", "localhost")
        told = await answer({"type": "block_actions", "response_url": elsewhere})
        assert stranger.asked == []
    assert "A reason has" in told["text"]


async def test_a_form_keeps_its_input_and_shows_the_error_below_the_first_field(answer):
    blocks = [{"type": "section"}, {"type": "input", "block_id": "reason"}, {"type": "input"}]
    told = await answer({"type": "view_submission", "view": {"blocks": blocks}})

    assert told["response_action"] == "errors"
    assert list(told["errors"]) == ["reason"]
    assert "A reason has 1 to 300 characters." in told["errors"]["reason"]
    assert not set("*`") & set(told["errors"]["reason"])


async def test_a_form_without_a_field_is_replaced_by_the_error(answer):
    told = await answer({"type": "view_submission", "view": {"blocks": []}})

    assert told["response_action"] == "update"
    assert "A reason has" in str(told["view"])
    assert problems(told["view"]["blocks"], "modal") == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("server closed the connection unexpectedly", "database is unavailable at the moment"),
        ("could not extend file: No space left on device", "no space left"),
    ],
)
async def test_a_failing_database_is_named(answer, said, told):
    error = OperationalError("INSERT", {}, psycopg.OperationalError(said))
    text = (await answer({"command": "/callaudio"}, error))["text"]

    assert told in text
    assert "Reference" in text
    assert not [word for word in (said, "INSERT", "mistake") if word in text]


async def test_an_unknown_error_shows_only_a_reference(answer):
    blocks = [{"type": "input", "block_id": "reason"}]
    body = {"type": "view_submission", "view": {"blocks": blocks}}
    told = await answer(body, RuntimeError("the database password is hunter2"))

    assert "Reference" in told["errors"]["reason"]
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    ("kind", "url"), [("shortcut", None), ("block_actions", None), ("block_actions", "worn-out")]
)
async def test_without_a_valid_response_url_a_modal_shows_the_error(
    answer, workspace, slack, kind, url
):
    response_url = url and f"{slack.origin}/commands/T0/{url}"
    trigger_id = workspace.issue_trigger(ALICE)
    body = {"type": kind, "trigger_id": trigger_id, "response_url": response_url}
    assert await answer({**body, "view": {"type": "home"}}) is None

    (view,) = workspace.views.values()
    assert "A reason has" in str(view.body["blocks"])
    assert "Reference" in str(view.body["blocks"])


async def opened(api: SlackApi, workspace: Workspace) -> str:
    trigger_id = workspace.issue_trigger(ALICE)
    view = notice("The form.")
    return str((await api.call_once("views.open", trigger_id=trigger_id, view=view))["view"]["id"])


async def test_in_a_modal_the_error_is_pushed_on_top_and_the_form_stays(answer, api, workspace):
    view_id = await opened(api, workspace)
    trigger_id = workspace.issue_trigger(ALICE, view_id)
    view = {"type": "modal", "id": view_id}
    assert await answer({"type": "block_actions", "trigger_id": trigger_id, "view": view}) is None

    assert len(workspace.called("views.push")) == 1
    form, on_top = workspace.views.values()
    assert "The form." in str(form.body)
    assert "A reason has" in str(on_top.body)


async def test_after_three_seconds_the_modal_itself_shows_the_error(answer, api, workspace):
    view_id = await opened(api, workspace)
    view = {"type": "modal", "id": view_id}
    assert await answer({"type": "block_actions", "trigger_id": "lapsed", "view": view}) is None
    assert "A reason has" in str(workspace.views[view_id].body)


async def test_if_slack_accepts_no_answer_the_press_is_acknowledged(answer, slack):
    del slack
    told = await answer({"type": "shortcut", "trigger_id": "lapsed"})
    assert told is not None
    assert "A reason has" in told["text"]


async def test_a_failed_event_is_sent_again_by_slack(answers):
    response = await answers.answer(ReasonUnusable(), {"type": "event_callback"})
    assert (response.status, response.body) == (500, "")
