"""Each kind of request gets its error in the form in which Slack shows it."""

import json
from typing import Any

import pytest
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.webhook import WebhookResponse

from bot.access.asking_for_access import ReasonUnusable
from bot.metrics import Metrics
from bot.sandbox.block_limits import problems
from bot.slack.error_answers import ErrorAnswers

URL = "https://hooks.example.com/commands/T0/secret"


class Respond(AsyncRespond):
    """Takes what is said, or breaks."""

    def __init__(self, status: int = 200, breaks: Exception | None = None) -> None:
        super().__init__(response_url=URL)
        self.status, self.breaks = status, breaks
        self.said: list[dict[str, Any]] = []

    async def __call__(self, **message: Any) -> WebhookResponse:  # type: ignore[override]
        self.said.append(message)
        if self.breaks:
            raise self.breaks
        return WebhookResponse(url=URL, status_code=self.status, body="", headers={})


async def answer(body: dict[str, Any], respond: Respond, error: Exception | None = None) -> Any:
    answers = ErrorAnswers(Metrics())
    response = await answers.answer(error or ReasonUnusable(), body, respond)
    assert response.status == 200
    return json.loads(response.body) if response.body else None


async def test_a_command_is_answered_in_the_ack() -> None:
    respond = Respond()
    told = await answer({"command": "/callaudio", "response_url": URL}, respond)

    assert told["response_type"] == "ephemeral"
    assert "*What to do:*" in told["text"]
    assert respond.said == []


async def test_a_press_is_answered_privately_at_its_own_address() -> None:
    respond = Respond()
    told = await answer({"type": "block_actions", "response_url": URL}, respond)

    assert told is None
    (said,) = respond.said
    assert (said["response_type"], said["replace_original"]) == ("ephemeral", False)
    assert "A reason has" in said["text"]


@pytest.mark.parametrize("respond", [Respond(404), Respond(breaks=TimeoutError())])
async def test_a_press_that_cannot_be_answered_there_is_acked_all_the_same(
    respond: Respond,
) -> None:
    told = await answer({"type": "block_actions", "response_url": URL}, respond)
    assert "A reason has" in told["text"]


async def test_a_form_keeps_what_was_typed_and_says_it_below_the_first_field() -> None:
    blocks = [{"type": "section"}, {"type": "input", "block_id": "reason"}, {"type": "input"}]
    told = await answer({"type": "view_submission", "view": {"blocks": blocks}}, Respond())

    assert told["response_action"] == "errors"
    assert list(told["errors"]) == ["reason"]
    assert "A reason has 1 to 300 characters." in told["errors"]["reason"]
    assert not set("*`") & set(told["errors"]["reason"])


async def test_a_form_without_a_field_turns_into_the_words() -> None:
    told = await answer({"type": "view_submission", "view": {"blocks": []}}, Respond())

    assert told["response_action"] == "update"
    assert "A reason has" in str(told["view"])
    assert problems(told["view"]["blocks"], "modal") == []


async def test_an_unknown_error_shows_a_reference_alone() -> None:
    blocks = [{"type": "input", "block_id": "reason"}]
    body = {"type": "view_submission", "view": {"blocks": blocks}}
    told = await answer(body, Respond(), RuntimeError("the database password is hunter2"))

    assert "Reference" in told["errors"]["reason"]
    assert "hunter2" not in str(told)
