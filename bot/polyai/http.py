"""One GET to PolyAI, with one key, to one host; failures become ``PolyAIError``."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import SecretStr

from bot.network.connection_failures import why
from bot.network.retry import ATTEMPTS, retrying
from bot.observability.logs import get_logger, logged_call
from bot.polyai import errors
from bot.polyai.error_mapping import CORRELATION_HEADER, MAX_ERROR_BODY_BYTES, error_from
from bot.polyai.payloads import CallFacts
from bot.polyai.response import Bounds, PolyAIResponse
from bot.polyai.transport import TIMEOUT

T = TypeVar("T")
log = get_logger(__name__)

Facts = Callable[[], Awaitable[CallFacts | None]]
"""Waits for the facts of a call."""


class HttpGet:
    """Sends GETs, never follows a redirect, and retries transient failures.

    A recording that is not ready is not retried here, because that takes minutes.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._attempts = attempts
        self._http = http
        self._clock = clock
        self._sleep = sleep

    async def open(
        self,
        url: str,
        key: SecretStr,
        *,
        accept: str,
        params: Mapping[str, str],
        facts: Facts | None = None,
    ) -> PolyAIResponse:
        """Return an open 200 response.

        ``facts`` of the call are awaited only for an answer that is ambiguous without them.

        Raises:
            PolyAIError: any other answer, or no answer.
        """
        return await self._retrying(lambda: self._open_once(url, key, accept, params, facts))

    async def json(
        self,
        url: str,
        key: SecretStr,
        *,
        params: Mapping[str, str],
        bounds: Bounds,
        read: Callable[[object], T],
    ) -> T:
        """Fetch a whole JSON body and return what ``read`` makes of it; None means no JSON.

        ``read`` must be pure: it may run in a thread, and runs again with each try.

        Raises:
            AnswerTooLarge: the body is longer, or holds more values, than ``bounds`` allow.
            PolyAIError: PolyAI's answer, translated, or what ``read`` raises.
        """

        async def fetch() -> T:
            opened = await self._open_once(url, key, "application/json", params, None)
            async with aclosing(opened) as response:
                return await response.json(bounds, read)

        return await self._retrying(fetch)

    async def _retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        lasting = (errors.RecordingNotReady,)
        return await retrying(call, attempts=self._attempts, sleep=self._sleep, except_for=lasting)

    async def _open_once(
        self, url: str, key: SecretStr, accept: str, params: Mapping[str, str], facts: Facts | None
    ) -> PolyAIResponse:
        sent_id = str(uuid.uuid4())
        request = self._http.build_request(
            "GET",
            url,
            params=params,
            headers={
                "x-api-key": key.get_secret_value(),
                "Accept": accept,
                "Accept-Encoding": "identity",
                CORRELATION_HEADER: sent_id,
            },
            timeout=TIMEOUT,
        )
        called = {"path": request.url.path, "correlation_id": sent_id}
        with logged_call(log, "polyai_called", **called, status=None) as call_log:
            try:
                answer = await self._http.send(request, stream=True, follow_redirects=False)
            except httpx.HTTPError as error:
                raise errors.PolyAIUnavailable(
                    likely_cause=why(error), correlation_id=sent_id
                ) from error
            call_log["status"] = status = answer.status_code
        response = PolyAIResponse(answer, sent_correlation_id=sent_id)
        if status == HTTPStatus.OK:
            return response
        async with aclosing(response):
            try:
                body = await response.body(MAX_ERROR_BODY_BYTES)
            except (errors.PolyAIUnavailable, errors.AnswerTooLarge):
                body = b""  # the status alone decides
        known = await facts() if facts and status == HTTPStatus.NOT_FOUND else None
        refusal = error_from(status, body, answer.headers, now=self._clock(), facts=known)
        refusal.correlation_id = refusal.correlation_id or sent_id
        raise refusal
