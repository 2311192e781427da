"""Background work that runs as long as a context is open."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from bot.observability.logs import get_logger

log = get_logger(__name__)


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run ``work`` until the context is left, then cancel it and wait for its end.

    Work that breaks ends the context at once with its error: the process ends with a code that is
    not 0, instead of staying without it.
    """
    owner, task = asyncio.current_task(), asyncio.create_task(work)

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error:
            log.critical("background_work_broke", exc_info=error)
            if owner:
                owner.cancel()

    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
