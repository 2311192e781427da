"""How long a test waits for what is to come, on a machine however busy, before it fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

PATIENCE_SECONDS = 60.0

Found = TypeVar("Found")


@overload
async def until(
    look: Callable[[], Awaitable[Found | None]], every_seconds: float = 0.02
) -> Found: ...
@overload
async def until(look: Callable[[], Found | None], every_seconds: float = 0.02) -> Found: ...
async def until(look: Callable[[], object], every_seconds: float = 0.02) -> object:
    """Look again and again until something is found, and give that back."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = look()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(every_seconds)
