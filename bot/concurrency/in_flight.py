"""Slack's requests in flight; background work waits for them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

LONGEST_WAIT_SECONDS: Final = 0.5
"""An endless stream of requests delays each poll for work by at most this."""


class InFlight:
    """Counts requests in flight.

    A stored request wakes the worker of the same process. Without this wait, the first deliveries
    of a burst would take processor time from the answers to the rest of the burst.
    """

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one request while it is answered."""
        self._count += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count -= 1
            if self._count == 0:
                self._none.set()

    async def give_way(self) -> None:
        """Return once no request is in flight, or after ``LONGEST_WAIT_SECONDS``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await self._none.wait()
