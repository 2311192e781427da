"""PolyAI's API as callaudio uses it: facts of a call, and its recording as a stream."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Final, TypeVar
from urllib.parse import quote

from pydantic import SecretStr

from bot.polyai import errors
from bot.polyai.agents import Agent
from bot.polyai.http import Facts, HttpGet
from bot.polyai.identifiers import check_conversation_id
from bot.polyai.payloads import FACTS_FIELDS, CallFacts, Direction, call_facts
from bot.polyai.response import Bounds, PolyAIResponse
from bot.polyai.transcripts import TRANSCRIPT_FIELDS, Transcript, transcript_of

T = TypeVar("T")

FACTS: Final = Bounds(4 * 2**20, max_values=100_000, fields=FACTS_FIELDS)
"""Facts arrive together with the transcript, metrics and events of the call."""
TRANSCRIPT: Final = Bounds(8 * 2**20, max_values=200_000, fields=TRANSCRIPT_FIELDS)
MAX_TURNS: Final = 10_000


class PolyAIClient:
    """Calls PolyAI with the key that each request requires; never follows a redirect."""

    def __init__(self, http: HttpGet) -> None:
        self._http = http

    async def conversation(self, agent: Agent, conversation_id: str) -> CallFacts:
        """Fetch the facts of a call, always with the plain key.

        Raises:
            InvalidConversationId: refused before any request.
            PolyAIError: PolyAI's answer, translated; transient ones were retried.
        """

        def read(payload: Mapping[str, object]) -> CallFacts:
            return call_facts(payload, conversation_id=conversation_id)

        return await self._get_one(agent, conversation_id, agent.api_key, FACTS, read)

    async def transcript(self, agent: Agent, conversation_id: str) -> Transcript:
        """Fetch what was said, always with the raw key: it is as personal as the raw audio.

        Raises:
            InvalidConversationId: refused before any request.
            PolyAIError: PolyAI's answer, translated; transient ones were retried.
            ValueError: there is no raw key: a programming error, the decision forbids it.
        """

        def read(payload: Mapping[str, object]) -> Transcript:
            turns = payload.get("turns")
            if isinstance(turns, list) and len(turns) > MAX_TURNS:
                raise errors.AnswerTooLarge
            return transcript_of(payload, conversation_id=conversation_id)

        return await self._get_one(agent, conversation_id, _raw_key(agent), TRANSCRIPT, read)

    async def _get_one(
        self,
        agent: Agent,
        conversation_id: str,
        key: SecretStr,
        bounds: Bounds,
        read: Callable[[Mapping[str, object]], T],
    ) -> T:
        def read_whole(payload: object) -> T:
            # The one required field that matters; an error envelope sent with 200 lacks it.
            if not isinstance(payload, dict) or not isinstance(payload.get("conversationId"), str):
                raise errors.UnexpectedAnswer
            return read(payload)

        url = conversation_url(agent, conversation_id)
        return await self._http.json(url, key, params={}, bounds=bounds, read=read_whole)

    def open_audio(
        self,
        agent: Agent,
        conversation_id: str,
        *,
        direction: Direction,
        raw: bool,
        facts: Facts | None = None,
    ) -> AbstractAsyncContextManager[PolyAIResponse]:
        """Open a recording for reading once.

        Redacted is requested with the plain key *and* ``redacted=true``, raw with the raw key and
        ``redacted=false``: neither a wrong key nor a wrong parameter alone returns raw audio.
        Only the opening is retried; after a body that broke off the caller starts again.

        Args:
            agent: the agent of the call.
            conversation_id: opaque.
            direction: whose voice.
            raw: whether raw was granted for this delivery.
            facts: returns the facts of the call; they distinguish "not ready" from "no recording".

        Raises:
            InvalidConversationId: refused before any request.
            PolyAIError: PolyAI's answer, translated; transient ones were retried, except for
                ``RecordingNotReady``: it takes minutes, so the durable workflow retries it.
            ValueError: raw without a raw key: a programming error, the decision forbids it.
        """
        key = _raw_key(agent) if raw else agent.api_key
        return self._open(
            agent, conversation_id, key, redacted=not raw, direction=direction, facts=facts
        )

    def open_to_check(
        self, agent: Agent, conversation_id: str, *, with_raw_key: bool = False, redacted: bool
    ) -> AbstractAsyncContextManager[PolyAIResponse]:
        """Open a recording with either key, to check which keys return raw audio.

        Raises:
            InvalidConversationId: refused before any request.
            PolyAIError: PolyAI's answer, translated; transient ones were retried.
            ValueError: there is no raw key.
        """
        key = _raw_key(agent) if with_raw_key else agent.api_key
        return self._open(agent, conversation_id, key, redacted=redacted)

    @asynccontextmanager
    async def _open(
        self,
        agent: Agent,
        conversation_id: str,
        key: SecretStr,
        *,
        redacted: bool,
        direction: Direction = Direction.COMBINED,
        facts: Facts | None = None,
    ) -> AsyncIterator[PolyAIResponse]:
        url = conversation_url(agent, conversation_id) + "/audio"
        params = {"redacted": "true" if redacted else "false", "direction": direction.value}
        opened = await self._http.open(url, key, accept="audio/wav", params=params, facts=facts)
        async with aclosing(opened) as response:
            yield response

    async def try_key(self, agent: Agent, *, raw: bool) -> None:
        """Check that a key can read the agent, by requesting one row of the v1 list.

        Raises:
            PolyAIError: it cannot, or PolyAI cannot be reached.
            ValueError: the agent has no such key.
        """
        key = _raw_key(agent) if raw else agent.api_key
        url, params = conversations_url(agent), {"limit": "1"}
        response = await self._http.open(url, key, accept="application/json", params=params)
        await response.aclose()


def _raw_key(agent: Agent) -> SecretStr:
    if agent.pii_api_key is None:
        raise ValueError("raw was asked for without a raw key")
    return agent.pii_api_key


def conversations_url(agent: Agent) -> str:
    """Format the URL of an agent's conversations on the build host."""
    agent_part = quote(agent.agent_id, safe="")
    return f"{agent.base_url}/v1/agents/{agent_part}/conversations"


def conversation_url(agent: Agent, conversation_id: str) -> str:
    """Format the URL of one conversation.

    Raises:
        InvalidConversationId: the id cannot be part of a URL.
    """
    return f"{conversations_url(agent)}/{quote(check_conversation_id(conversation_id), safe='')}"
