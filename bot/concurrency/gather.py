"""Work that is done at the same time, none of which outlives the call.

``asyncio.gather`` raises the first error at once and leaves the rest running, with whatever
connections they hold (docs: "asyncio.gather").
"""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


async def both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Wait for both, whatever comes of either; then raise an error of the first before the other's.

    Raises:
        Exception: what either raised.
    """
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    await asyncio.gather(*tasks, return_exceptions=True)
    return tasks[0].result(), tasks[1].result()


async def every(work: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for all, whatever comes of any; then raise the error of the earliest that has one.

    Raises:
        Exception: what one of them raised.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]
