"""Scripted faults: what goes wrong on the way to a stand-in, or on the way back."""

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

    ``before``: the request has no effect. ``after``: it has, and then its answer is lost, replaced
    or held. ``halfway``: half of an upload was read, or half of PolyAI's audio went out (there
    ``after`` is the same). A fault that only sets ``delay_seconds`` slows the real answer down.

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
    """The faults still to come, per route, and who has met one.

    Attributes:
        everywhere: the fault that every request meets which meets none of its own, until it is
            taken away: an outage.
    """

    def __init__(self) -> None:
        self.everywhere: Fault | None = None
        self._waiting: dict[str, list[Fault]] = {}
        self._met: Counter[str] = Counter()
        self._meeting = asyncio.Condition()
        self._holds: dict[str, asyncio.Event] = {}

    def add(self, fault: Fault) -> None:
        """Queue a fault; faults of one route are met in the order they were added."""
        self._waiting.setdefault(fault.route, []).extend([fault] * fault.times)

    def clear(self) -> None:
        """Forget the faults nobody has met, and let go every held request."""
        self._waiting.clear()
        self.everywhere = None
        self.release_all()

    async def reached(self, route: str, *, times: int = 1, timeout_seconds: float = 30.0) -> None:
        """Wait until ``times`` requests have met a fault of the route.

        Raises:
            TimeoutError: fewer came in time.
        """
        async with asyncio.timeout(timeout_seconds), self._meeting:
            await self._meeting.wait_for(lambda: self._met[route] >= times)

    def release(self, route: str) -> None:
        """Let go the requests a ``hang`` holds on this route now."""
        self._holds.pop(route, asyncio.Event()).set()

    def release_all(self) -> None:
        """Let go every held request."""
        for route in list(self._holds):
            self.release(route)

    def take(self, route: str) -> Fault | None:
        """The fault the next request of the route meets, if any."""
        queue = self._waiting.get(route)
        return queue.pop(0) if queue else self.everywhere

    async def sit_out(self, fault: Fault) -> None:
        """Tell whoever waits that the fault was met; then delay and hold as it says."""
        # The hold stands before anyone hears of it, so that no release comes too early.
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
        effect: Callable[[], Awaitable[web.StreamResponse]],
        replacement: Callable[[Fault], web.Response],
    ) -> web.StreamResponse:
        """Answer the request as the fault says; without one, as the service does."""
        if fault is None:
            return await effect()
        answer = await effect() if fault.when == "after" else None
        await self.sit_out(fault)
        if fault.loses_answer:
            return cut(request)
        if fault.replaces_answer:
            return replacement(fault)
        return answer if answer is not None else await effect()


def cut(request: web.Request) -> web.Response:
    """Close the connection at once; the response is only there for the framework to discard."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
