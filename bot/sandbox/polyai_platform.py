"""PolyAI's platform host on loopback: the v3 list."""

import base64
import binascii
import hashlib
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from typing import Any

from aiohttp import web

from bot.sandbox.faults import Faults
from bot.sandbox.polyai_calls import KeyKind, PolyCall
from bot.sandbox.polyai_host import FLAGS, PolyAIHost, RefusedError, check_query
from bot.sandbox.polyai_lines import CallLine, place_of
from bot.sandbox.polyai_rows import environment_of, platform_row

_MOST = 1000
_ENVIRONMENTS = ("sandbox", "pre-release", "live")
_KNOWN = frozenset(
    {"start_time", "end_time", "client_env", "limit", "cursor", "offset", "in_progress"}
)
_INVALID = "GET_CONVERSATIONS_FILTER_PARSE_ERROR"


@dataclass(frozen=True)
class PlatformKey:
    """The access of a platform key: some agents of one account."""

    account_id: str
    agents: frozenset[str]


class PolyAIPlatform(PolyAIHost[PlatformKey]):
    """The platform host of one region; it knows no key of the build host."""

    def __init__(
        self,
        line_of: Callable[[str], CallLine | None],
        faults: Faults,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls, faults)
        self.bare_lists = False
        """Whether answers are a bare list of rows, as in some examples."""
        self._line_of = line_of

    def routes(self) -> list[web.RouteDef]:
        """What the platform host answers."""
        path = "/v3/{account:[^/]+}/{agent:[^/]+}/conversations"
        return [self.get(path, "platform_conversations", self._conversations), *super().routes()]

    def kind_of(self, _key: PlatformKey) -> KeyKind:
        """All are alike."""
        return "platform"

    def _opened(self, request: web.Request) -> CallLine:
        key = self.checked_key(request)
        agent = request.match_info["agent"]
        if request.match_info["account"] != key.account_id:
            raise RefusedError(404, "ACCOUNT_NOT_FOUND")
        line = self._line_of(agent)
        if line is None:
            raise RefusedError(404, "PROJECT_NOT_FOUND")
        if agent not in key.agents:
            raise RefusedError(403, "USER_ACCESS_FORBIDDEN")
        return line

    def _conversations(self, request: web.Request) -> dict[str, Any] | list[Any]:
        line, account_id = self._opened(request), request.match_info["account"]
        asked = _Asked.read(request)
        # With a cursor the offset is ignored.
        start = (
            line.after(asked.cursor) if asked.cursor else line.after(asked.newest) + asked.offset
        )
        recent = takewhile(asked.is_recent, line.since(start))
        wanted = ((at, call) for at, call in enumerate(recent, start + 1) if asked.wants(call))
        found = list(islice(wanted, asked.limit))
        rows = [platform_row(call, account_id) for _, call in found]
        if self.bare_lists:
            return rows
        if len(found) < asked.limit or found[-1][0] >= len(line):
            return {"conversations": rows, "cursor": None}
        return {
            "conversations": rows,
            "cursor": asked.cursor_behind(place_of(found[-1][1])),
            "next_offset": asked.offset + len(rows),
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
        check_query(request, _KNOWN)
        limit, offset = _number(query, "limit", _MOST), _number(query, "offset", 0)
        client_env = query.get("client_env", "live")
        if not 1 <= limit <= _MOST or offset < 0 or client_env not in _ENVIRONMENTS:
            raise RefusedError(400, _INVALID)
        if query.get("in_progress", "true") not in FLAGS:
            raise RefusedError(400, _INVALID)
        others = sorted((k, v) for k, v in query.items() if k not in ("cursor", "offset"))
        fingerprint = hashlib.sha256(json.dumps(others).encode()).hexdigest()[:16]
        return cls(
            _time(query, "start_time"),
            _time(query, "end_time"),
            client_env,
            limit,
            offset,
            FLAGS[query["in_progress"]] if "in_progress" in query else None,
            _cursor(query["cursor"], fingerprint) if "cursor" in query else None,
            fingerprint,
        )

    def is_recent(self, call: PolyCall) -> bool:
        """Whether it did not start before the requested time."""
        return self.start_time is None or call.started_at >= self.start_time

    def wants(self, call: PolyCall) -> bool:
        """Whether a filter other than time keeps it."""
        is_there = environment_of(call) == self.client_env
        return is_there and self.in_progress in (None, call.in_progress)

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
