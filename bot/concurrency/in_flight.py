"""Slack's requests that are being answered; background work gives way to them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

LONGEST_WAIT_SECONDS: Final = 0.5
"""Requests that never cease hold work up by this at most, each time that it looks for more."""


class InFlight:
    """Counts requests that are in flight.

    Storing one wakes the worker of the same process. Without this, the deliveries that a burst
    begins would take the processor from the answers to the rest of the burst.
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
