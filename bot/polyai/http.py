"""One GET to PolyAI, with one key, to one host; failures become ``PolyAIError``."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import SecretStr

from bot.network.connection_failures import why
from bot.network.retry import ATTEMPTS, retrying
from bot.observability.logs import get_logger, logged_call
from bot.polyai import errors
from bot.polyai.audio import check_encoding
from bot.polyai.error_mapping import CORRELATION_HEADER, MAX_ERROR_BODY_BYTES, error_from
from bot.polyai.payloads import CallFacts
from bot.polyai.response_body import Bounds, close_answer, read_body, read_json
from bot.polyai.transport import TIMEOUT

T = TypeVar("T")
log = get_logger(__name__)

Facts = Callable[[], Awaitable[CallFacts | None]]
"""Waits for the facts of a call."""


class HttpGet:
    """Sends GETs, never follows a redirect, and retries transient failures."""

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

    async def retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        """Retry until it succeeds, except for a recording that takes minutes to be ready.

        Raises:
            PolyAIError: the last attempt's.
        """
        return await retrying(
            call, attempts=self._attempts, sleep=self._sleep, except_for=(errors.RecordingNotReady,)
        )

    async def open(
        self,
        url: str,
        key: SecretStr,
        *,
        accept: str,
        params: Mapping[str, str] | None = None,
        facts: Facts | None = None,
    ) -> tuple[httpx.Response, str]:
        """Send one GET; return the open 200 answer and the correlation id sent with it.

        ``facts`` of the call are awaited only for an answer that is ambiguous without them.

        Raises:
            PolyAIError: any other answer, or no answer.
        """
        sent_id = str(uuid.uuid4())
        request = self._http.build_request(
            "GET",
            url,
            params=params,
            headers={
                "x-api-key": key.get_secret_value().strip(),
                "Accept": accept,
                "Accept-Encoding": "identity",
                CORRELATION_HEADER: sent_id,
            },
            timeout=TIMEOUT,
        )
        called = {"path": request.url.path, "correlation_id": sent_id}
        with logged_call(log, "polyai_called", **called, status=None) as call_log:
            try:
                response = await self._http.send(request, stream=True, follow_redirects=False)
            except httpx.HTTPError as error:
                raise errors.PolyAIUnavailable(
                    likely_cause=why(error), correlation_id=sent_id
                ) from error
            call_log["status"] = response.status_code
        if response.status_code == HTTPStatus.OK:
            return response, sent_id
        try:
            body = await read_body(response, max_bytes=MAX_ERROR_BODY_BYTES)
        except (errors.PolyAIUnavailable, errors.UnexpectedAnswer):
            body = b""  # the status alone decides
        finally:
            await close_answer(response)
        status = response.status_code
        known = await facts() if facts and status == HTTPStatus.NOT_FOUND else None
        refusal = error_from(status, body, response.headers, now=self._clock(), facts=known)
        refusal.correlation_id = refusal.correlation_id or sent_id
        raise refusal

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
            PolyAIError: PolyAI's answer, translated, or what ``read`` raises; transient ones were
                retried.
        """

        async def fetch() -> T:
            response, sent_id = await self.open(url, key, accept="application/json", params=params)
            try:
                check_encoding(response.headers)
                return await read_json(response, bounds, read)
            except errors.PolyAIError as error:
                error.correlation_id = sent_id
                raise
            finally:
                await close_answer(response)

        return await self.retrying(fetch)
