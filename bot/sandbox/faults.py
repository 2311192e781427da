"""Scripted faults of requests to a stand-in, and of its answers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

_LONGEST_HOLD_SECONDS = 120.0


@dataclass(frozen=True)
class Fault:
    """One fault for the next ``times`` requests of a route.

    ``before``: the request has no effect. ``after``: it takes effect, and then its answer is lost,
    replaced or held. ``halfway``: half of an upload was read, or half of PolyAI's audio was sent
    (for audio ``after`` is the same). With ``delay_seconds`` only, the real answer is delayed.

    Attributes:
        route: a Web API method, ``upload``, ``response_url``, ``audio``, ``conversation`` or
            ``conversations`` or ``platform_conversations``.
        error: the service's own error code, in its own envelope.
        hang: hold the request until ``Faults.release``; the answer is then lost with ``before``.
        drop_connection: cut the connection instead of answering.
    """

    route: str
    when: Literal["before", "halfway", "after"] = "before"
    status: int | None = None
    error: str | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    hang: bool = False
    drop_connection: bool = False
    times: int = 1

    @property
    def replaces_answer(self) -> bool:
        """Whether the caller gets another answer than the real one."""
        return self.status is not None or self.error is not None or self.body is not None

    @property
    def loses_answer(self) -> bool:
        """Whether the caller gets no answer at all."""
        lost_in_hold = self.hang and self.when == "before" and not self.replaces_answer
        return self.drop_connection or lost_in_hold


class Faults:
    """The pending faults of each route, and how many were applied.

    Attributes:
        everywhere: an outage: the fault of every request without a fault of its own, until it is
            removed.
    """

    def __init__(self) -> None:
        self.everywhere: Fault | None = None
        self._waiting: dict[str, list[Fault]] = {}
        self._met: Counter[str] = Counter()
        self._meeting = asyncio.Condition()
        self._holds: dict[str, asyncio.Event] = {}

    def add(self, fault: Fault) -> None:
        """Queue a fault; faults of one route are applied in the order in which they were added."""
        self._waiting.setdefault(fault.route, []).extend([fault] * fault.times)

    def clear(self) -> None:
        """Remove all pending faults, and release every held request."""
        self._waiting.clear()
        self.everywhere = None
        self.release_all()

    async def reached(self, route: str, *, times: int = 1, timeout_seconds: float = 30.0) -> None:
        """Wait until faults of the route were applied to ``times`` requests.

        Raises:
            TimeoutError: fewer requests arrived in time.
        """
        async with asyncio.timeout(timeout_seconds), self._meeting:
            await self._meeting.wait_for(lambda: self._met[route] >= times)

    def release(self, route: str) -> None:
        """Release the requests that a ``hang`` holds on this route now."""
        self._holds.pop(route, asyncio.Event()).set()

    def release_all(self) -> None:
        """Release every held request."""
        for route in list(self._holds):
            self.release(route)

    def take(self, route: str) -> Fault | None:
        """Take the fault for the next request of the route, if any."""
        queue = self._waiting.get(route)
        return queue.pop(0) if queue else self.everywhere

    async def sit_out(self, fault: Fault) -> None:
        """Notify waiting callers that the fault was applied; then delay and hold as it says."""
        # The hold exists before callers are notified, so that no release comes too early.
        hold = self._holds.setdefault(fault.route, asyncio.Event()) if fault.hang else None
        async with self._meeting:
            self._met[fault.route] += 1
            self._meeting.notify_all()
        await asyncio.sleep(fault.delay_seconds)
        if hold is not None:
            async with asyncio.timeout(_LONGEST_HOLD_SECONDS):
                await hold.wait()

    async def around(
        self,
        request: web.Request,
        fault: Fault | None,
        effect: Callable[[web.Request], Awaitable[web.StreamResponse]],
        replacement: Callable[[Fault], web.Response],
    ) -> web.StreamResponse:
        """Answer the request as its fault says, or without one as the service does."""
        if fault is None:
            return await effect(request)
        answer = await effect(request) if fault.when == "after" else None
        await self.sit_out(fault)
        if fault.loses_answer:
            return cut(request)
        if fault.replaces_answer:
            return replacement(fault)
        return answer if answer is not None else await effect(request)


def cut(request: web.Request) -> web.Response:
    """Close the connection at once; the framework needs the response, and discards it."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
