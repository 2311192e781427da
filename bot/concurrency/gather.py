"""Runs awaitables concurrently and waits for all of them, even if one fails.

``asyncio.gather`` raises the first error at once and leaves the rest running, with the connections
they hold (docs: "asyncio.gather").
"""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


async def both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Wait for both, even if one fails; an error of the first takes precedence.

    Raises:
        Exception: the error of either.
    """
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    await asyncio.gather(*tasks, return_exceptions=True)
    return tasks[0].result(), tasks[1].result()


async def every(work: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for all, even if some fail; then raise the first error in the order of ``work``.

    Raises:
        Exception: the error of one of them.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]
