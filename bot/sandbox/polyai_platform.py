"""PolyAI's platform host on loopback: the v3 list."""

import base64
import binascii
import hashlib
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.sandbox.faults import Faults
from bot.sandbox.loopback import LoopbackServer
from bot.sandbox.polyai_answers import Answers, RefusedError, Service
from bot.sandbox.polyai_calls import Request
from bot.sandbox.polyai_lines import CallLine, place_of
from bot.sandbox.polyai_rows import environment_of, platform_row

_MOST = 1000
_ENVIRONMENTS = ("sandbox", "pre-release", "live")
_FLAGS = {"true": True, "false": False}
_KNOWN = frozenset(
    {"start_time", "end_time", "client_env", "limit", "cursor", "offset", "in_progress"}
)
_INVALID = "GET_CONVERSATIONS_FILTER_PARSE_ERROR"


@dataclass(frozen=True)
class PlatformKey:
    """The access of a platform key: some agents of one account."""

    account_id: str
    agents: frozenset[str]


class PolyAIPlatform(LoopbackServer):
    """The platform host of one region; it knows no key of the build host."""

    def __init__(
        self,
        line_of: Callable[[str], CallLine | None],
        faults: Faults,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls, faults=faults)
        self.keys: dict[str, PlatformKey] = {}
        self.bare_lists = False
        """Whether answers are a bare list of rows, as in some examples."""
        self._line_of = line_of
        self._answers = Answers(lambda key: "platform" if key in self.keys else "unknown")
        self._service = Service(self._answers, faults)

    @property
    def requests(self) -> list[Request]:
        """Every request answered so far."""
        return self._answers.requests

    def routes(self) -> list[web.RouteDef]:
        """What the platform host answers."""
        path = "/v3/{account:[^/]+}/{agent:[^/]+}/conversations"
        return [
            web.get(path, self._conversations, allow_head=False),
            web.route("*", "/{rest:.*}", self._elsewhere),
        ]

    async def _conversations(self, request: web.Request) -> web.StreamResponse:
        async def effect(request: web.Request) -> web.StreamResponse:
            line = self._opened(request)
            return self._answers.json(request, self._page(request, line))

        return await self._service.answer(request, "platform_conversations", effect)

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        return self._answers.json(request, {"message": "Not Found"}, status=404)

    def _opened(self, request: web.Request) -> CallLine:
        if "x-api-key" not in request.headers:
            raise RefusedError(401, "AUTH_USER_UNAUTHORISED")
        key = self.keys.get(request.headers["x-api-key"])
        if key is None:
            raise RefusedError(401, "AUTH_USER_INVALID_TOKEN")
        if "Content-Type" in request.headers:
            raise RefusedError(400, "SCHEMA_VALIDATION_FAILED")
        agent = request.match_info["agent"]
        if request.match_info["account"] != key.account_id:
            raise RefusedError(404, "ACCOUNT_NOT_FOUND")
        line = self._line_of(agent)
        if line is None:
            raise RefusedError(404, "PROJECT_NOT_FOUND")
        if agent not in key.agents:
            raise RefusedError(403, "USER_ACCESS_FORBIDDEN")
        return line

    def _page(self, request: web.Request, line: CallLine) -> dict[str, Any] | list[Any]:
        asked = _Asked.read(request)
        # With a cursor the offset is ignored.
        start = (
            line.after(asked.cursor) if asked.cursor else line.after(asked.newest) + asked.offset
        )
        rows: list[dict[str, Any]] = []
        at, last = start, None
        while len(rows) < asked.limit and at < len(line):
            for call in line.part(at, asked.limit):
                at += 1
                if asked.start_time and call.started_at < asked.start_time:
                    at = len(line)
                    break
                if environment_of(call) != asked.client_env:
                    continue
                if asked.in_progress not in (None, call.in_progress):
                    continue
                rows.append(platform_row(call, request.match_info["account"]))
                last = call
                if len(rows) == asked.limit:
                    break
        if self.bare_lists:
            return rows
        more = last is not None and at < len(line)
        cursor = asked.cursor_behind(place_of(last)) if last is not None and more else None
        return {
            "conversations": rows,
            "cursor": cursor,
            **({"next_offset": asked.offset + len(rows)} if more else {}),
        }


@dataclass(frozen=True)
class _Asked:
    """The query, read strictly."""

    start_time: datetime | None
    end_time: datetime | None
    client_env: str
    limit: int
    offset: int
    in_progress: bool | None
    cursor: tuple[float, str] | None
    fingerprint: str

    @classmethod
    def read(cls, request: web.Request) -> "_Asked":
        """Read the query.

        Raises:
            RefusedError: a value that PolyAI would refuse.
        """
        query = request.query
        if not _KNOWN.issuperset(query) or len(query) != len(set(query)):
            raise RefusedError(400, "SCHEMA_VALIDATION_FAILED")
        limit, offset = _number(query, "limit", _MOST), _number(query, "offset", 0)
        client_env = query.get("client_env", "live")
        if not 1 <= limit <= _MOST or offset < 0 or client_env not in _ENVIRONMENTS:
            raise RefusedError(400, _INVALID)
        if query.get("in_progress", "true") not in _FLAGS:
            raise RefusedError(400, _INVALID)
        others = sorted((k, v) for k, v in query.items() if k not in ("cursor", "offset"))
        fingerprint = hashlib.sha256(json.dumps(others).encode()).hexdigest()[:16]
        return cls(
            _time(query, "start_time"),
            _time(query, "end_time"),
            client_env,
            limit,
            offset,
            _FLAGS[query["in_progress"]] if "in_progress" in query else None,
            _cursor(query["cursor"], fingerprint) if "cursor" in query else None,
            fingerprint,
        )

    @property
    def newest(self) -> tuple[float, str]:
        """The place just before the first conversation that may be listed."""
        if self.end_time is None:
            return (float("-inf"), "")
        return (-self.end_time.timestamp(), "\U0010ffff")

    def cursor_behind(self, place: tuple[float, str]) -> str:
        """Return the cursor for the next request, which has to repeat all other parameters."""
        text = json.dumps([self.fingerprint, *place])
        return base64.urlsafe_b64encode(text.encode()).decode()


def _cursor(text: str, fingerprint: str) -> tuple[float, str]:
    try:
        asked, at, conversation_id = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, ValueError, TypeError):
        raise RefusedError(400, _INVALID) from None
    if asked != fingerprint:
        raise RefusedError(400, _INVALID)
    return at, conversation_id


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise RefusedError(400, _INVALID) from None


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name])
    except ValueError:
        raise RefusedError(400, _INVALID) from None
    if moment.tzinfo is None:
        raise RefusedError(400, _INVALID)
    return moment
