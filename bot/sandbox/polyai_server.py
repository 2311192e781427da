"""PolyAI on loopback: audio, one conversation and the v1 list; the v3 list on a host beside it.

Sources: PolyAI's documentation, and real responses.
"""

import ssl
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.sandbox.faults import Fault
from bot.sandbox.loopback import LoopbackServer
from bot.sandbox.polyai_answers import (
    CORRELATION_HEADER,
    Answers,
    ApiKey,
    RefusedError,
    Service,
    correlation_id,
)
from bot.sandbox.polyai_bodies import send_audio
from bot.sandbox.polyai_calls import KeyKind, PolyCall, Request
from bot.sandbox.polyai_lines import CallLine, GeneratedCalls
from bot.sandbox.polyai_platform import PlatformKey, PolyAIPlatform
from bot.sandbox.polyai_rows import list_row, whole_conversation
from bot.sandbox.recordings import Direction

_DEFAULT_PAGE = 50
_DIRECTIONS: dict[str, Direction] = {"combined": "combined", "user": "user", "agent": "agent"}
_FLAGS = {"true": True, "false": False}


class PolyAISandbox(LoopbackServer):
    """PolyAI in one region; ``async with PolyAISandbox() as polyai``."""

    def __init__(self, region: str = "us", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.region = region
        self.keys: dict[str, ApiKey] = {}
        self.agents: set[str] = set()
        self.calls: dict[tuple[str, str], PolyCall] = {}
        self.generated: dict[str, GeneratedCalls] = {}
        self._answers = Answers(self._kind_of_key)
        self._service = Service(self._answers, self.faults)
        self.platform = PolyAIPlatform(
            lambda agent: self._line(agent) if agent in self.agents else None, self.faults, tls
        )

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return self.origin

    @property
    def requests(self) -> list[Request]:
        """Every request answered so far."""
        return self._answers.requests

    def add_key(
        self,
        key: str,
        *,
        pii: bool = False,
        agents: Iterable[str] | None = None,
        region: str = "us",
    ) -> None:
        """Register a key; a key of another region than this server's is refused as invalid."""
        self.keys[key] = ApiKey(pii, None if agents is None else frozenset(agents), region)

    def add_platform_key(self, key: str, *, account_id: str, agents: Iterable[str]) -> None:
        """Register a key of the platform host, for some agents of one account."""
        self.platform.keys[key] = PlatformKey(account_id, frozenset(agents))

    def add_call(self, conversation_id: str, **about: Any) -> PolyCall:  # noqa: ANN401 - the dataclass checks the names
        """Add a call and its agent, or replace a call; ``about`` are fields of ``PolyCall``."""
        call = PolyCall(conversation_id, **about)
        self.agents.add(call.agent_id)
        self.calls[call.agent_id, conversation_id] = call
        return call

    def generate_calls(
        self, count: int, *, newest_at: datetime, every: timedelta
    ) -> GeneratedCalls:
        """Add any number of conversations to an agent's lists, without recordings."""
        agent_id = "PROJECT-SANDBOX"
        generated = GeneratedCalls(agent_id, count, newest_at, every)
        self.agents.add(agent_id)
        self.generated[agent_id] = generated
        return generated

    async def start(self, port: int = 0) -> None:
        """Start this host and the platform host."""
        await super().start(port)
        await self.platform.start()

    async def stop(self) -> None:
        """Stop both hosts."""
        await self.platform.stop()
        await super().stop()

    def routes(self) -> list[web.RouteDef]:
        """What PolyAI answers."""
        agent = "/v1/agents/{agent:[^/]+}/conversations"
        one = agent + "/{conversation:[^/]+}"
        return [
            web.get(one + "/audio", self._audio, allow_head=False),
            web.get(one, self._conversation, allow_head=False),
            web.get(agent, self._conversations, allow_head=False),
            web.route("*", "/{rest:.*}", self._elsewhere),
        ]

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take("audio")
        if fault is not None and fault.when == "before":
            return await self._service.at_fault(request, fault, self._send_audio)
        try:
            return await self._send_audio(request, fault)
        except RefusedError as refusal:
            return self._answers.refuse(request, refusal.status, refusal.code)

    async def _send_audio(
        self, request: web.Request, halfway: Fault | None = None
    ) -> web.StreamResponse:
        key = self._checked_key(request)
        _check_query(request, {"redacted", "direction"})
        call = self._known_call(request)
        direction = _DIRECTIONS.get(request.query.get("direction", "combined"))
        asked = _FLAGS.get(request.query.get("redacted", "false"))
        if direction is None or asked is None:
            raise RefusedError(400, "CONVERSATIONS_VALIDATION_FAILED")
        if request.headers.get("Accept") != "audio/wav":
            raise RefusedError(406, "SCHEMA_VALIDATION_FAILED")
        if call.recording is None or call.in_progress or not call.channel.startswith("VOICE"):
            raise RefusedError(404, "CONVERSATIONS_RECORDING_NOT_FOUND")
        self._answers.record(request, 200)
        return await send_audio(
            request,
            call,
            call.recording,
            direction,
            redacted=asked or not key.pii,  # a key without PII access never gets raw audio
            headers={CORRELATION_HEADER: correlation_id(request)},
            halfway=(self.faults, halfway) if halfway else None,
        )

    async def _conversation(self, request: web.Request) -> web.StreamResponse:
        async def effect(request: web.Request) -> web.StreamResponse:
            key = self._checked_key(request)
            _check_query(request, set())
            whole = whole_conversation(self._known_call(request), pii=key.pii)
            return self._answers.json(request, whole)

        return await self._service.answer(request, "conversation", effect)

    async def _conversations(self, request: web.Request) -> web.StreamResponse:
        async def effect(request: web.Request) -> web.StreamResponse:
            self._checked_key(request)
            _check_query(request, {"limit", "offset"})
            return self._answers.json(request, self._list(request))

        return await self._service.answer(request, "conversations", effect)

    def _list(self, request: web.Request) -> dict[str, Any]:
        try:
            limit = int(request.query.get("limit", _DEFAULT_PAGE))
            offset = int(request.query.get("offset", 0))
        except ValueError:
            raise RefusedError(400, "GET_CONVERSATIONS_FILTER_PARSE_ERROR") from None
        if limit < 1 or offset < 0:
            raise RefusedError(400, "GET_CONVERSATIONS_FILTER_PARSE_ERROR")
        line = self._line(request.match_info["agent"])
        return {
            "conversations": [list_row(call) for call in line.part(offset, limit)],
            "count": len(line),
            "limit": limit,
            "offset": offset,
        }

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        return self._answers.json(request, {"message": "Not Found"}, status=404)

    def _checked_key(self, request: web.Request) -> ApiKey:
        if "x-api-key" not in request.headers:
            raise RefusedError(401, "AUTH_USER_UNAUTHORISED")
        key = self.keys.get(request.headers["x-api-key"])
        if key is None or key.region != self.region:
            raise RefusedError(401, "AUTH_USER_INVALID_TOKEN")
        if "Content-Type" in request.headers:
            raise RefusedError(400, "SCHEMA_VALIDATION_FAILED")
        agent = request.match_info["agent"]
        if agent not in self.agents:
            raise RefusedError(404, "PROJECT_NOT_FOUND")
        if key.agents is not None and agent not in key.agents:
            raise RefusedError(403, "USER_ACCESS_FORBIDDEN")
        return key

    def _kind_of_key(self, key: str) -> KeyKind:
        known = self.keys.get(key)
        if known is None:
            return "unknown"
        return "raw" if known.pii else "plain"

    def _line(self, agent_id: str) -> CallLine:
        given = (call for call in self.calls.values() if call.agent_id == agent_id)
        return CallLine(given, self.generated.get(agent_id))

    def _known_call(self, request: web.Request) -> PolyCall:
        path = request.match_info
        call = self.calls.get((path["agent"], path["conversation"]))
        if call is None:
            raise RefusedError(404, "CONVERSATIONS_NOT_FOUND")
        return call


def _check_query(request: web.Request, known: set[str]) -> None:
    names = list(request.query)
    if not known.issuperset(names) or len(names) != len(set(names)):
        raise RefusedError(400, "SCHEMA_VALIDATION_FAILED")
