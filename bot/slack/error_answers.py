"""Answers to errors: in words, and in the form in which each kind of request shows them."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError

from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.metrics import Metrics
from bot.slack.blocks import notice
from bot.slack.recordings import replies

log = get_logger(__name__)

RESPOND_SECONDS: Final = 1.5
"""Out of the three in which Slack wants the ack as well."""


class ErrorAnswers:
    """The one place that speaks to people about errors.

    Known errors speak for themselves, others by reference; what nothing listens to is a 404.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def answer(
        self, error: Exception, body: Mapping[str, Any], respond: AsyncRespond
    ) -> BoltResponse:
        """Answer one request that raised."""
        if isinstance(error, BoltUnhandledRequestError):
            log.info("request_unhandled")
            return BoltResponse(status=404, body="")
        known, reference = self._note(error)
        if body.get("type") == "view_submission":
            return _json(_in_form(body.get("view") or {}, known, reference))
        message = {"response_type": "ephemeral", "text": replies.problem(known, reference)}
        # Slack shows the body of an ack after a command alone, and ignores it after a press.
        is_press = body.get("type") == "block_actions" and body.get("response_url")
        if is_press and await _responded(respond, message):
            return BoltResponse(status=200, body="")
        return _json(message)

    def words_for(self, error: Exception) -> str:
        """Spell an error for the place where somebody waits, and note it like any other."""
        return replies.problem(*self._note(error))

    def _note(self, error: Exception) -> tuple[CallAudioError, str]:
        reference = uuid.uuid4().hex[:12]
        if isinstance(error, CallAudioError):
            log.info("request_refused", reference=reference, code=error.code)
            known = error
        else:
            log.error("request_broke", reference=reference, exc_info=error)
            known = CallAudioError()
        self._metrics.errors.labels(code=known.code).inc()
        return known, reference


def _in_form(view: Mapping[str, Any], error: CallAudioError, reference: str) -> dict[str, Any]:
    """Keep the form and what was typed, with the words below its first field."""
    inputs = [each for each in view.get("blocks") or [] if each.get("type") == "input"]
    block_id = inputs[0].get("block_id") if inputs else None
    if block_id:
        words = replies.problem_in_form(error, reference)
        return {"response_action": "errors", "errors": {block_id: words}}
    shown = notice(replies.problem(error, reference))
    return {"response_action": "update", "view": shown}


async def _responded(respond: AsyncRespond, message: Mapping[str, Any]) -> bool:
    """Use the press's own way to answer privately; tells whether Slack took it."""
    said = respond(**message, replace_original=False)
    try:
        response = await asyncio.wait_for(said, RESPOND_SECONDS)
    except (aiohttp.ClientError, SlackClientError, TimeoutError, ValueError):
        log.warning("press_unanswered")
        return False
    return bool(response.status_code == 200)  # noqa: PLR2004 - OK


def _json(body: Mapping[str, Any]) -> BoltResponse:
    return BoltResponse(
        status=200, body=json.dumps(body), headers={"content-type": ["application/json"]}
    )
