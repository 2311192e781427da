"""What PolyAI's hosts have in common: keys, JSON, the error envelope, a correlation id on each."""

import math
import ssl
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from aiohttp import web

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.loopback import LoopbackServer
from bot.sandbox.polyai_calls import KeyKind, Request

CORRELATION_HEADER = "X-PolyAI-Correlation-Id"
INVALID_FILTER = "GET_CONVERSATIONS_FILTER_PARSE_ERROR"
FLAGS = {"true": True, "false": False}
_FAULT_CODES = {
    400: "CONVERSATIONS_VALIDATION_FAILED",
    401: "AUTH_USER_INVALID_TOKEN",
    403: "USER_ACCESS_FORBIDDEN",
    404: "CONVERSATIONS_RECORDING_NOT_FOUND",
}
Body = Mapping[str, Any] | list[Any]
Effect = Callable[[web.Request], Awaitable[web.StreamResponse]]
_CORRELATION_ID = web.RequestKey("correlation_id", str)
_Key = TypeVar("_Key")


class RefusedError(Exception):
    """PolyAI's refusal: HTTP status and error code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class PolyAIHost(LoopbackServer, Generic[_Key]):
    """One host with keys of its own; records each request with its status."""

    def __init__(self, tls: ssl.SSLContext | None = None, faults: Faults | None = None) -> None:
        super().__init__(tls, faults=faults)
        self.keys: dict[str, _Key] = {}
        self.requests: list[Request] = []
        """Every request answered so far."""

    def kind_of(self, key: _Key) -> KeyKind:
        """How the record of requests names a known key."""
        raise NotImplementedError

    def checked_key(self, request: web.Request) -> _Key:
        """Return the access of the key that was sent.

        Raises:
            RefusedError: it is missing or unknown, or the request announces a body.
        """
        if "x-api-key" not in request.headers:
            raise RefusedError(401, "AUTH_USER_UNAUTHORISED")
        key = self.keys.get(request.headers["x-api-key"])
        if key is None:
            raise RefusedError(401, "AUTH_USER_INVALID_TOKEN")
        if "Content-Type" in request.headers:
            raise RefusedError(400, "SCHEMA_VALIDATION_FAILED")
        return key

    def routes(self) -> list[web.RouteDef]:
        """What the host answers; subclasses put theirs before this last one."""
        return [web.route("*", "/{rest:.*}", self._elsewhere)]

    def get(self, path: str, route: str, body_of: Callable[[web.Request], Body]) -> web.RouteDef:
        """Answer with JSON as the service does, or as the next fault of the route says."""

        async def effect(request: web.Request) -> web.StreamResponse:
            return self._json(request, body_of(request))

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.answer(request, self.faults.take(route), effect)

        return web.get(path, handle, allow_head=False)

    async def answer(
        self, request: web.Request, fault: Fault | None, effect: Effect
    ) -> web.StreamResponse:
        """Answer as the service does, or as this fault says."""

        async def service(request: web.Request) -> web.StreamResponse:
            try:
                return await effect(request)
            except RefusedError as refusal:
                return self._refuse(request, refusal.status, refusal.code)

        if fault is not None and fault.loses_answer:
            self.record(request, 0)
        return await self.faults.around(request, fault, service, partial(self._at_fault, request))

    def record(self, request: web.Request, status: int) -> None:
        """Remember the request and the status it was answered with."""
        headers = {k.lower(): v for k, v in request.headers.items() if k.lower() != "x-api-key"}
        key = self.keys.get(request.headers.get("x-api-key", ""))
        self.requests.append(
            Request(
                request.method,
                request.path,
                dict(request.query),
                headers,
                "unknown" if key is None else self.kind_of(key),
                status,
                correlation_id(request),
            )
        )

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        return self._json(request, {"message": "Not Found"}, 404)

    def _at_fault(self, request: web.Request, fault: Fault) -> web.Response:
        """Build the answer with which a fault replaces PolyAI's."""
        status = fault.status or (200 if fault.error is None else 500)
        if fault.body is not None:
            self.record(request, status)
            headers = {CORRELATION_HEADER: correlation_id(request), **fault.headers}
            return web.Response(body=fault.body, status=status, headers=headers)
        code = fault.error or _FAULT_CODES.get(status)
        if code is not None:
            return self._refuse(request, status, code, fault.headers)
        return self._json(request, {"message": "try again"}, status, fault.headers)

    def _refuse(
        self, request: web.Request, status: int, code: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        """The documented error envelope."""
        words = code.replace("_", " ").capitalize()
        body = {
            "success": False,
            "error": words,
            "error_id": correlation_id(request),
            "error_code": code,
            "error_message": words,
            "data": None,
        }
        return self._json(request, body, status, headers)

    def _json(
        self,
        request: web.Request,
        body: Body,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        self.record(request, status)
        own = {CORRELATION_HEADER: correlation_id(request), **(headers or {})}
        return web.json_response(body, status=status, headers=own)


def check_query(request: web.Request, known: frozenset[str]) -> None:
    """Refuse parameters that PolyAI does not have, and repeated ones.

    Raises:
        RefusedError: there is one.
    """
    if not known.issuperset(request.query) or len(request.query) != len(set(request.query)):
        raise RefusedError(400, "SCHEMA_VALIDATION_FAILED")


def number(
    request: web.Request, name: str, default: int, *, least: int, most: float = math.inf
) -> int:
    """Read a whole number of the query.

    Raises:
        RefusedError: it is not one, or not within the limits.
    """
    try:
        value = int(request.query.get(name, default))
    except ValueError:
        raise RefusedError(400, INVALID_FILTER) from None
    if not least <= value <= most:
        raise RefusedError(400, INVALID_FILTER)
    return value


def correlation_id(request: web.Request) -> str:
    """The caller's own id when it sent one, else a new one; the same for the whole request."""
    if _CORRELATION_ID not in request:
        request[_CORRELATION_ID] = request.headers.get(CORRELATION_HEADER) or str(uuid.uuid4())
    return request[_CORRELATION_ID]
