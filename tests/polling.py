"""How long a test waits for a result before it fails, also on a busy machine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

DEADLINE_SECONDS = 60.0

Found = TypeVar("Found")


@overload
async def until(
    look: Callable[[], Awaitable[Found | None]], every_seconds: float = 0.02
) -> Found: ...
@overload
async def until(look: Callable[[], Found | None], every_seconds: float = 0.02) -> Found: ...
async def until(look: Callable[[], object], every_seconds: float = 0.02) -> object:
    """Call ``look`` repeatedly until it returns something true, and return that."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            found = look()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(every_seconds)
