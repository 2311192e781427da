"""Ends the process in order at SIGTERM, also while it starts."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from bot.observability.logs import get_logger

log = get_logger(__name__)


@dataclass(slots=True)
class Stop:
    """Whether everything is being closed, so that a further signal changes nothing."""

    is_under_way: bool = False


@contextmanager
def stopped_at_sigterm() -> Iterator[Stop]:
    """Cancel the current task at SIGTERM while it starts, so that it closes what it has opened.

    Otherwise the system would kill the process, or ignore the signal if the process is the first of
    a container. While the server runs, its own handler replaces this one.
    """
    stop, task, loop = Stop(), asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101 - a coroutine that runs has a task
    was_cancelled = False

    def handle(sig: int, frame: FrameType | None) -> None:
        nonlocal was_cancelled
        del sig, frame
        if not stop.is_under_way:
            stop.is_under_way = was_cancelled = True
            loop.call_soon_threadsafe(task.cancel)

    former = signal.signal(signal.SIGTERM, handle)
    try:
        yield stop
    except asyncio.CancelledError:
        if not was_cancelled:
            raise
        task.uncancel()
        log.info("stopped_while_starting")
    finally:
        signal.signal(signal.SIGTERM, former)
