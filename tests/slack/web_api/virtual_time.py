"""Virtual time: it advances as soon as all tasks wait."""

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
TURNS = 40
"""How often all tasks may run before time advances."""


class VirtualTime:
    """A clock and a sleep for what runs in ``until_done``."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._idle = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        over = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), over))
        await over

    async def until_done(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        while not task.done():
            assert self.now < 100_000, "this never ends"
            self._idle += 1
            assert self._idle < 200, "everybody waits for ever"
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if self._sleepers and not task.done():
                self._idle = 0
                self.now, _, over = heapq.heappop(self._sleepers)
                if not over.done():
                    over.set_result(None)
        return await task

    async def seconds_of(self, work: Coroutine[Any, Any, object]) -> float:
        """Run it, and return how long it took."""
        began = self.now
        await self.until_done(work)
        return self.now - began
