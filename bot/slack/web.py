"""The HTTP surface: Slack's requests, and health, readiness and metrics."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.observability.logs import get_logger
from bot.slack.ack_window import AnswerTooSlow
from bot.slack.operations import Operations
from bot.slack.payloads import SENT_AT
from bot.slack.rejected_requests import RejectedRequests, RejectionCause
from bot.slack.shapes import is_well_formed
from bot.slack.signature import rejection_of, signed_by

log = get_logger(__name__)

MAX_BODY_BYTES: Final = 1_000_000
FORMER_SECRET_SECONDS: Final = 300
"""How long the former signing secret is accepted: as long as a signed request is valid."""
LENGTH: Final = re.compile(r"[0-9]{1,20}")
CUT_OFF: Final = "This process is stopping.\n"

Endpoint = Callable[[Request], Awaitable[Response]]

STATUS: Final = {
    RejectionCause.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RejectionCause.MALFORMED: HTTPStatus.BAD_REQUEST,
}


class SlackRequests:
    """Passes requests to Bolt if Slack signed them and they are well-formed."""

    def __init__(
        self,
        app: AsyncApp,
        *,
        signing_secret: str,
        rejected_requests: RejectedRequests,
        clock: Callable[[], datetime],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._secrets: tuple[str, ...] = (signing_secret,)
        self._former_until = 0.0
        self._rejected = rejected_requests
        self._clock = clock
        self._now = now

    def rotate(self, signing_secret: str) -> None:
        """Accept a new signing secret, and the former one for ``FORMER_SECRET_SECONDS`` more."""
        if signing_secret != self._secrets[0]:
            self._secrets = (signing_secret, self._secrets[0])
            self._former_until = self._now() + FORMER_SECRET_SECONDS

    async def answer(self, request: Request) -> Response:
        """Answer one request; headers are checked before the body is read."""
        signed = signed_by(request.headers)
        if signed is None:
            return self._refused(RejectionCause.UNSIGNED)
        try:
            body = await _bounded_body(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # the client has disconnected
        if body is None:
            return self._refused(RejectionCause.TOO_LARGE)
        now = self._now()
        secrets = self._secrets if now < self._former_until else self._secrets[:1]
        rejection = rejection_of(signed, body, secrets=secrets, now=now)
        if rejection:
            return self._refused(rejection.cause, **rejection.facts)
        bolt_request = _read(request, body)
        if bolt_request is None:
            return self._refused(RejectionCause.MALFORMED)
        age = timedelta(seconds=self._now() - int(signed.timestamp))
        bolt_request.body[SENT_AT] = self._clock() - age
        return to_starlette_response(await self._app.async_dispatch(bolt_request))

    def _refused(self, cause: RejectionCause, **facts: int) -> Response:
        self._rejected.note(cause, **facts)
        status = STATUS.get(cause, HTTPStatus.UNAUTHORIZED)
        return Response(status_code=status, headers={"Connection": "close"})


def build_web(*, operations: Operations, slack: SlackRequests | None) -> Starlette:
    """Build the ASGI app; without ``slack`` (Socket Mode, worker) it lacks that route."""
    routes = [
        Route(each.path, _answered_if_cut_off(each.endpoint, CUT_OFF))
        for each in operations.routes()
    ]
    if slack:
        answer = _answered_if_cut_off(slack.answer, f"{AnswerTooSlow.what} {AnswerTooSlow.fix}")
        routes.append(Route("/slack/events", answer, methods=["POST"]))
    return Starlette(routes=routes)


def _answered_if_cut_off(endpoint: Endpoint, words: str) -> Endpoint:
    """Wrap an endpoint: if the server stops and waits no longer, it answers 503 with ``words``.

    uvicorn would answer 500, and log the cancellation as a fault of the application.
    """

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except asyncio.CancelledError:
            log.warning("answer_cut_off", path=request.url.path)
            return PlainTextResponse(words, status_code=HTTPStatus.SERVICE_UNAVAILABLE)

    return answer


async def _bounded_body(request: Request) -> bytes | None:
    """Read the body; None if it is over the limit, without reading if its length says so."""
    length = request.headers.get("content-length", "")
    if LENGTH.fullmatch(length) and int(length) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _read(request: Request, body: bytes) -> AsyncBoltRequest | None:
    """Parse the body as Bolt does; None if that fails."""
    try:
        bolt_request = AsyncBoltRequest(body=body.decode(), headers=dict(request.headers))
    except Exception:  # noqa: BLE001 - Bolt raises whatever its look-ups in a strange payload raise
        return None
    return bolt_request if is_well_formed(bolt_request.body) else None
