"""PolyAI's API as callaudio uses it: facts of a call, and its recording as a stream."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from bot.polyai import errors
from bot.polyai.agents import Agent
from bot.polyai.audio import AudioStream, check_audio, check_encoding
from bot.polyai.body import close_answer, json_object, read_body
from bot.polyai.identifiers import check_conversation_id
from bot.polyai.payloads import CallFacts, Direction, call_facts
from bot.polyai.transcripts import Transcript, transcript_of
from bot.polyai.translation import (
    CORRELATION_HEADER,
    MAX_ERROR_BODY_BYTES,
    error_from,
)
from bot.polyai.transport import TIMEOUT
from bot.retry import retrying

__all__ = ["AudioStream", "PolyAIClient"]

T = TypeVar("T")

MAX_FACTS_BYTES = 16 * 1024 * 1024  # transcripts come along; far longer calls than any fit in this


class PolyAIClient:
    """Asks PolyAI, with the key that belongs to the question, and never follows a redirect."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._clock = clock
        self._sleep = sleep

    async def conversation(self, agent: Agent, conversation_id: str) -> CallFacts:
        """Fetch the facts of a call, always with the plain key (polyai.md, "Get one").

        Raises:
            InvalidConversationId: refused before any request.
            PolyAIError: PolyAI's answer, translated; transient ones were retried.
        """
        payload = await self._get_one(agent, conversation_id, agent.api_key)
        return call_facts(payload, conversation_id=conversation_id)

    async def transcript(self, agent: Agent, conversation_id: str) -> Transcript:
        """Fetch what was said, always with the raw key: it is as personal as the raw audio.

        Raises:
            InvalidConversationId: refused before any request.
            PolyAIError: PolyAI's answer, translated; transient ones were retried.
            ValueError: there is no raw key: a programming error, the decision forbids it.
        """
        payload = await self._get_one(agent, conversation_id, _raw_key(agent))
        return transcript_of(payload, conversation_id=conversation_id)

    async def _get_one(
        self, agent: Agent, conversation_id: str, key: SecretStr
    ) -> dict[str, object]:
        url = _conversation_url(agent, conversation_id)

        async def fetch() -> dict[str, object]:
            response, sent_id = await self._open(url, key, accept="application/json")
            try:
                check_encoding(response.headers)
                payload = json_object(await read_body(response, max_bytes=MAX_FACTS_BYTES))
                # The one required field that matters; an error envelope sent with 200 lacks it.
                if not isinstance(payload.get("conversationId"), str):
                    raise errors.UnexpectedAnswer
            except errors.PolyAIError as error:
                error.correlation_id = sent_id
                raise
            finally:
                await close_answer(response)
            return payload

        return await self._retrying(fetch)

    @asynccontextmanager
    async def open_audio(
        self,
        agent: Agent,
        conversation_id: str,
        *,
        direction: Direction,
        raw: bool,
        facts: CallFacts | None = None,
    ) -> AsyncIterator[AudioStream]:
        """Open a recording for reading once (polyai.md, "Audio").

        Redacted goes out with the plain key *and* ``redacted=true``, raw with the raw key and
        ``redacted=false``: neither a wrong key nor a wrong parameter alone delivers raw audio.
        Only the opening is retried; a half-read body is the caller's to start again.

        Args:
            agent: whom to ask.
            conversation_id: opaque.
            direction: whose voice.
            raw: whether raw was granted for this delivery.
            facts: what is known of the call; tells "not ready" from "no recording".

        Raises:
            InvalidConversationId: refused before any request.
            PolyAIError: PolyAI's answer, translated; transient ones were retried, except for
                ``RecordingNotReady``, which takes minutes and is a durable workflow's to repeat.
            ValueError: raw without a raw key: a programming error, the decision forbids it.
        """
        key = _raw_key(agent) if raw else agent.api_key
        url = _conversation_url(agent, conversation_id) + "/audio"
        params = {"redacted": "false" if raw else "true", "direction": direction.value}

        async def open_once() -> tuple[httpx.Response, str]:
            return await self._open(url, key, accept="audio/wav", params=params, facts=facts)

        response, sent_id = await self._retrying(open_once)
        try:
            stream = AudioStream(response, sent_correlation_id=sent_id)
            check_audio(response.headers, correlation_id=stream.correlation_id)
            yield stream
        finally:
            await close_answer(response)

    async def try_key(self, agent: Agent, *, raw: bool) -> None:
        """Ask for one row of the v1 list with a key and drop it: does the key open the agent?

        Raises:
            PolyAIError: it does not, or PolyAI cannot be reached.
            ValueError: the agent has no such key.
        """
        key = agent.pii_api_key if raw else agent.api_key
        if key is None:
            raise ValueError("the agent has no such key")
        url, params = _agent_url(agent), {"limit": "1"}

        async def fetch() -> None:
            response, _ = await self._open(url, key, accept="application/json", params=params)
            await close_answer(response)

        await self._retrying(fetch)

    async def _retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        async def attempt() -> T | errors.RecordingNotReady:
            try:
                return await call()
            except errors.RecordingNotReady as error:
                return error  # minutes, not seconds: handed out at once instead of retried here

        result = await retrying(attempt, sleep=self._sleep)
        if isinstance(result, errors.RecordingNotReady):
            raise result
        return result

    async def _open(
        self,
        url: str,
        key: SecretStr,
        *,
        accept: str,
        params: dict[str, str] | None = None,
        facts: CallFacts | None = None,
    ) -> tuple[httpx.Response, str]:
        """Send one GET; return the open 200 answer and the correlation id sent with it."""
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
        try:
            response = await self._http.send(request, stream=True, follow_redirects=False)
        except httpx.HTTPError as error:
            raise errors.PolyAIUnavailable(correlation_id=sent_id) from error
        if response.status_code == HTTPStatus.OK:
            return response, sent_id
        try:
            body = await read_body(response, max_bytes=MAX_ERROR_BODY_BYTES)
        except (errors.PolyAIUnavailable, errors.UnexpectedAnswer):
            body = b""  # the status alone decides
        finally:
            await close_answer(response)
        refusal = error_from(
            response.status_code, body, response.headers, now=self._clock(), facts=facts
        )
        refusal.correlation_id = refusal.correlation_id or sent_id
        raise refusal


def _raw_key(agent: Agent) -> SecretStr:
    if agent.pii_api_key is None or not agent.pii_api_key.get_secret_value().strip():
        raise ValueError("raw was asked for without a raw key")
    return agent.pii_api_key


def _agent_url(agent: Agent) -> str:
    agent_part = quote(agent.agent_id, safe="")
    return f"{agent.base_url.rstrip('/')}/v1/agents/{agent_part}/conversations"


def _conversation_url(agent: Agent, conversation_id: str) -> str:
    return f"{_agent_url(agent)}/{quote(check_conversation_id(conversation_id), safe='')}"
