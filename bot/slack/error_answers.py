"""Answers to failed requests, in the form that each kind of request can show."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import httpx
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse

from bot.errors import CallAudioError, Unexpected, new_reference
from bot.observability.log_throttle import LogThrottle
from bot.observability.logs import get_logger
from bot.observability.metrics import Metrics
from bot.recordings.requests.fair_queue import TooManyWaiting
from bot.slack.blocks import notice
from bot.slack.payloads import Malformed
from bot.slack.recordings import ack_texts
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.response_urls import answer_at
from bot.store.failures import for_people

log = get_logger(__name__)

RESPOND_SECONDS: Final = 1.5
"""A part of the three seconds within which Slack expects the ack."""


class ErrorAnswers:
    """Shows errors to people.

    A ``CallAudioError`` is shown in its own words, any other error only by reference. A request
    without a listener is a 404. Slack sends an event again if its answer is an error.
    """

    def __init__(self, metrics: Metrics, api: SlackApi, http: httpx.AsyncClient) -> None:
        self._metrics = metrics
        self._log_throttle = LogThrottle()
        self._api = api
        self._http = http

    async def answer(self, error: Exception, body: Mapping[str, Any]) -> BoltResponse:
        """Answer one request that raised."""
        if isinstance(error, BoltUnhandledRequestError):
            log.info("request_unhandled")
            return BoltResponse(status=404, body="")
        known, reference = self._note(error)
        if isinstance(error, Malformed):
            return BoltResponse(status=400, body="")
        if body.get("type") == "view_submission":
            return _json(_in_form(body.get("view") or {}, known, reference))
        if body.get("type") == "event_callback":
            return BoltResponse(status=500, body="")
        text = ack_texts.problem(known, reference)
        message = {"response_type": "ephemeral", "text": text}
        # Slack shows the body of an ack only for a command, and ignores it for a button.
        if "command" not in body and await self._notify(body, message):
            return BoltResponse(status=200, body="")
        return _json(message)

    async def _notify(self, body: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
        """Notify the person who used a button or shortcut; returns whether Slack accepted it.

        In a modal and in App Home the only possible answer is another modal.
        """
        if await self.respond(body, message):
            return True
        view, open_view = notice(str(message["text"])), body.get("view") or {}
        is_in_modal = open_view.get("type") == "modal"
        trigger_id = body.get("trigger_id")
        if trigger_id:
            opening = "views.push" if is_in_modal else "views.open"  # a push keeps the form below
            if await self._show(opening, trigger_id=trigger_id, view=view):
                return True
        if is_in_modal and await self._show("views.update", view_id=open_view.get("id"), view=view):
            return True
        log.warning("press_not_answered")
        return False

    async def respond(
        self, body: Mapping[str, Any], message: Mapping[str, Any], *, replace_original: bool = False
    ) -> bool:
        """Answer privately by the response URL of a button; returns whether Slack accepted it."""
        response_url = body.get("response_url")
        if not isinstance(response_url, str) or not response_url:
            return False
        answering = answer_at(
            self._api,
            self._http,
            response_url,
            message,
            timeout_seconds=RESPOND_SECONDS,
            replace_original=replace_original,
        )
        try:
            return await asyncio.wait_for(answering, RESPOND_SECONDS)
        except TimeoutError:
            # Connecting has a third of the time limit, so Slack probably has the message, and its
            # answer was late.
            log.info("response_url_unanswered")
            return True

    async def _show(self, method: str, **arguments: Any) -> bool:  # noqa: ANN401 - wire
        # A trigger opens one view; an update can be retried.
        call = self._api.call_with_retries if method == "views.update" else self._api.call_once
        try:
            await asyncio.wait_for(call(method, **arguments), RESPOND_SECONDS)
        except (CallAudioError, TimeoutError) as error:
            log.info("view_refused", method=method, code=getattr(error, "code", "timeout"))
            return False
        return True

    def words_for(self, error: Exception) -> str:
        """Log an error, and return its words for a place that shows them itself."""
        return ack_texts.problem(*self._note(error))

    def _note(self, error: Exception) -> tuple[CallAudioError, str]:
        reference = new_reference()
        known = error if isinstance(error, CallAudioError) else for_people(error) or Unexpected()
        if isinstance(known, TooManyWaiting):
            # Hundreds may come from one person; each is audited.
            unlogged = self._log_throttle.due(known.code)
            if unlogged is not None:
                log.info("request_refused", code=known.code, unlogged_before=unlogged)
        elif known is error:
            log.info("request_refused", reference=reference, code=known.code)
        elif isinstance(known, Unexpected):
            log.error("request_broke", reference=reference, exc_info=error)
        else:
            # Hundreds of requests may fail while the database is away; a traceback adds nothing.
            log.warning("request_not_stored", reference=reference, code=known.code)
        self._metrics.errors.labels(code=known.code).inc()
        return known, reference


def _in_form(view: Mapping[str, Any], error: CallAudioError, reference: str) -> dict[str, Any]:
    """Keep the form and its input, with the error below the first field."""
    inputs = [each for each in view.get("blocks") or [] if each.get("type") == "input"]
    block_id = inputs[0].get("block_id") if inputs else None
    if block_id:
        words = ack_texts.problem_in_form(error, reference)
        return {"response_action": "errors", "errors": {block_id: words}}
    shown = notice(ack_texts.problem(error, reference))
    return {"response_action": "update", "view": shown}


def _json(body: Mapping[str, Any]) -> BoltResponse:
    return BoltResponse(
        status=200, body=json.dumps(body), headers={"content-type": ["application/json"]}
    )
