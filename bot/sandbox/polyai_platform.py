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
from bot.sandbox.polyai_host import (
    FLAGS,
    INVALID_FILTER,
    PolyAIHost,
    RefusedError,
    check_query,
    number,
)
from bot.sandbox.polyai_lines import CallLine, place_of
from bot.sandbox.polyai_rows import environment_of, platform_row

_MOST = 1000
_ENVIRONMENTS = ("sandbox", "pre-release", "live")
_KNOWN = frozenset(
    {"start_time", "end_time", "client_env", "limit", "cursor", "offset", "in_progress"}
)


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
        asked = _Asked(request)
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


class _Asked:
    """The query, read strictly; a value that PolyAI would refuse is a ``RefusedError``."""

    def __init__(self, request: web.Request) -> None:
        check_query(request, _KNOWN)
        query = request.query
        self.start_time, self.end_time = _time(query, "start_time"), _time(query, "end_time")
        self.limit = number(request, "limit", _MOST, least=1, most=_MOST)
        self.offset = number(request, "offset", 0, least=0)
        self.client_env = query.get("client_env", "live")
        in_progress = query.get("in_progress")
        if self.client_env not in _ENVIRONMENTS or in_progress not in (None, *FLAGS):
            raise RefusedError(400, INVALID_FILTER)
        self.in_progress = None if in_progress is None else FLAGS[in_progress]
        others = sorted((k, v) for k, v in query.items() if k not in ("cursor", "offset"))
        self._fingerprint = hashlib.sha256(json.dumps(others).encode()).hexdigest()[:16]
        self.cursor = _cursor(query["cursor"], self._fingerprint) if "cursor" in query else None

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
        text = json.dumps([self._fingerprint, *place])
        return base64.urlsafe_b64encode(text.encode()).decode()


def _cursor(text: str, fingerprint: str) -> tuple[float, str]:
    try:
        asked, at, conversation_id = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, ValueError, TypeError):
        raise RefusedError(400, INVALID_FILTER) from None
    if asked != fingerprint:
        raise RefusedError(400, INVALID_FILTER)
    return at, conversation_id


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name])
    except ValueError:
        raise RefusedError(400, INVALID_FILTER) from None
    if moment.tzinfo is None:
        raise RefusedError(400, INVALID_FILTER)
    return moment
