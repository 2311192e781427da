"""PolyAI on loopback: audio, one conversation and the v1 list; the v3 list on a host beside it.

Sources: PolyAI's documentation, and real responses.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, get_args

from aiohttp import web

from bot.sandbox.faults import Fault
from bot.sandbox.polyai_bodies import send_audio
from bot.sandbox.polyai_calls import KeyKind, PolyCall
from bot.sandbox.polyai_host import (
    CORRELATION_HEADER,
    FLAGS,
    PolyAIHost,
    RefusedError,
    check_query,
    correlation_id,
    number,
)
from bot.sandbox.polyai_lines import CallLine, GeneratedCalls
from bot.sandbox.polyai_platform import PlatformKey, PolyAIPlatform
from bot.sandbox.polyai_rows import list_row, whole_conversation
from bot.sandbox.recordings import Direction

_DEFAULT_PAGE = 50
_DIRECTIONS: dict[str, Direction] = {each: each for each in get_args(Direction)}


@dataclass(frozen=True)
class ApiKey:
    """The access of a key; ``agents`` None means all."""

    pii: bool
    agents: frozenset[str] | None
    region: str


class PolyAISandbox(PolyAIHost[ApiKey]):
    """PolyAI in one region; ``async with PolyAISandbox() as polyai``."""

    def __init__(self, region: str = "us", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.region = region
        self.agents: set[str] = set()
        self.calls: dict[tuple[str, str], PolyCall] = {}
        self.generated: dict[str, GeneratedCalls] = {}
        self.platform = PolyAIPlatform(
            lambda agent: self._line(agent) if agent in self.agents else None, self.faults, tls
        )

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return self.origin

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
            self.get(one, "conversation", self._conversation),
            self.get(agent, "conversations", self._conversations),
            *super().routes(),
        ]

    def kind_of(self, key: ApiKey) -> KeyKind:
        """Raw or plain."""
        return "raw" if key.pii else "plain"

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take("audio")
        if fault is not None and fault.when == "before":
            return await self.answer(request, fault, self._send_audio)
        return await self.answer(request, None, partial(self._send_audio, halfway=fault))

    async def _send_audio(
        self, request: web.Request, halfway: Fault | None = None
    ) -> web.StreamResponse:
        key = self._opened(request)
        check_query(request, frozenset({"redacted", "direction"}))
        call = self._known_call(request)
        direction = _DIRECTIONS.get(request.query.get("direction", "combined"))
        asked = FLAGS.get(request.query.get("redacted", "false"))
        if direction is None or asked is None:
            raise RefusedError(400, "CONVERSATIONS_VALIDATION_FAILED")
        if request.headers.get("Accept") != "audio/wav":
            raise RefusedError(406, "SCHEMA_VALIDATION_FAILED")
        if call.recording is None or call.in_progress or not call.channel.startswith("VOICE"):
            raise RefusedError(404, "CONVERSATIONS_RECORDING_NOT_FOUND")
        self.record(request, 200)
        return await send_audio(
            request,
            call,
            call.recording,
            direction,
            redacted=asked or not key.pii,  # a key without PII access never gets raw audio
            headers={CORRELATION_HEADER: correlation_id(request)},
            halfway=(self.faults, halfway) if halfway else None,
        )

    def _conversation(self, request: web.Request) -> dict[str, Any]:
        key = self._opened(request)
        check_query(request, frozenset())
        return whole_conversation(self._known_call(request), pii=key.pii)

    def _conversations(self, request: web.Request) -> dict[str, Any]:
        self._opened(request)
        check_query(request, frozenset({"limit", "offset"}))
        limit = number(request, "limit", _DEFAULT_PAGE, least=1)
        offset = number(request, "offset", 0, least=0)
        line = self._line(request.match_info["agent"])
        return {
            "conversations": [list_row(call) for call in islice(line.since(offset), limit)],
            "count": len(line),
            "limit": limit,
            "offset": offset,
        }

    def _opened(self, request: web.Request) -> ApiKey:
        """Return the key, which must be of this region and for this agent."""
        key = self.checked_key(request)
        if key.region != self.region:
            raise RefusedError(401, "AUTH_USER_INVALID_TOKEN")
        agent = request.match_info["agent"]
        if agent not in self.agents:
            raise RefusedError(404, "PROJECT_NOT_FOUND")
        if key.agents is not None and agent not in key.agents:
            raise RefusedError(403, "USER_ACCESS_FORBIDDEN")
        return key

    def _line(self, agent_id: str) -> CallLine:
        given = (call for call in self.calls.values() if call.agent_id == agent_id)
        return CallLine(given, self.generated.get(agent_id))

    def _known_call(self, request: web.Request) -> PolyCall:
        path = request.match_info
        call = self.calls.get((path["agent"], path["conversation"]))
        if call is None:
            raise RefusedError(404, "CONVERSATIONS_NOT_FOUND")
        return call
