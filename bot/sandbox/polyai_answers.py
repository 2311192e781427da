"""PolyAI's answers: JSON, the error envelope, and a correlation id on each."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.polyai_calls import KeyKind, Request

CORRELATION_HEADER = "X-PolyAI-Correlation-Id"
_FAULT_CODES = {
    400: "CONVERSATIONS_VALIDATION_FAILED",
    401: "AUTH_USER_INVALID_TOKEN",
    403: "USER_ACCESS_FORBIDDEN",
    404: "CONVERSATIONS_RECORDING_NOT_FOUND",
}
Effect = Callable[[web.Request], Awaitable[web.StreamResponse]]
_CORRELATION_ID = web.RequestKey("correlation_id", str)


@dataclass(frozen=True)
class ApiKey:
    """The access of a key; ``agents`` None means all."""

    pii: bool
    agents: frozenset[str] | None
    region: str


class RefusedError(Exception):
    """PolyAI's refusal: HTTP status and error code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Answers:
    """Writes answers, and records each with the request it belongs to."""

    def __init__(self, kind_of: Callable[[str], KeyKind]) -> None:
        self.requests: list[Request] = []
        self._kind_of = kind_of

    def refuse(
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
        return self.json(request, body, status=status, headers=headers)

    def json(
        self,
        request: web.Request,
        body: Mapping[str, Any] | list[Any],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """A JSON answer."""
        self.record(request, status)
        own = {CORRELATION_HEADER: correlation_id(request), **(headers or {})}
        return web.json_response(body, status=status, headers=own)

    def record(self, request: web.Request, status: int) -> None:
        """Remember the request and the status it was answered with."""
        headers = {k.lower(): v for k, v in request.headers.items() if k.lower() != "x-api-key"}
        self.requests.append(
            Request(
                request.method,
                request.path,
                dict(request.query),
                headers,
                self._kind_of(request.headers.get("x-api-key", "")),
                status,
                correlation_id(request),
            )
        )

    def at_fault(self, request: web.Request, fault: Fault) -> web.Response:
        """Build the answer with which a fault replaces PolyAI's."""
        status = fault.status or (200 if fault.error is None else 500)
        if fault.body is not None:
            self.record(request, status)
            headers = {CORRELATION_HEADER: correlation_id(request), **fault.headers}
            return web.Response(body=fault.body, status=status, headers=headers)
        code = fault.error or _FAULT_CODES.get(status)
        if code is not None:
            return self.refuse(request, status, code, fault.headers)
        return self.json(request, {"message": "try again"}, status=status, headers=fault.headers)


class Service:
    """Answers requests, and applies scripted faults."""

    def __init__(self, answers: Answers, faults: Faults) -> None:
        self._answers = answers
        self._faults = faults

    async def answer(self, request: web.Request, route: str, effect: Effect) -> web.StreamResponse:
        """Answer as the service does, or as the next fault of the route says."""
        return await self.at_fault(request, self._faults.take(route), effect)

    async def at_fault(
        self, request: web.Request, fault: Fault | None, effect: Effect
    ) -> web.StreamResponse:
        """Answer as a fault says that was already taken."""

        async def answer() -> web.StreamResponse:
            try:
                return await effect(request)
            except RefusedError as refusal:
                return self._answers.refuse(request, refusal.status, refusal.code)

        def replacement(fault: Fault) -> web.Response:
            return self._answers.at_fault(request, fault)

        if fault is not None and fault.loses_answer:
            self._answers.record(request, 0)
        return await self._faults.around(request, fault, answer, replacement)


def correlation_id(request: web.Request) -> str:
    """The caller's own id when it sent one, else a new one; the same for the whole request."""
    if _CORRELATION_ID not in request:
        request[_CORRELATION_ID] = request.headers.get(CORRELATION_HEADER) or str(uuid.uuid4())
    return request[_CORRELATION_ID]
