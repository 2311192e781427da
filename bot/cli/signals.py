"""The signals of a serving process: SIGTERM ends it in order, SIGHUP has it read secrets again."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from bot.observability.logs import configure_logging, get_logger
from bot.settings.model import Settings, SettingsError
from bot.wiring.rotation import Rotation

log = get_logger(__name__)


@contextmanager
def stopped_at_sigterm() -> Iterator[asyncio.Event]:
    """Cancel the current task at SIGTERM while it starts, so that it closes what it has opened.

    Otherwise the system would kill the process, or ignore the signal if the process is the first of
    a container. While the server runs, its own handler replaces this one. Once the event is set,
    everything is being closed, and a further signal changes nothing.
    """
    is_closing, task, loop = asyncio.Event(), asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101 - a coroutine that runs has a task
    was_cancelled = False

    def handle(sig: int, frame: FrameType | None) -> None:
        nonlocal was_cancelled
        del sig, frame
        if not is_closing.is_set():
            is_closing.set()
            was_cancelled = True
            loop.call_soon_threadsafe(task.cancel)

    former = signal.signal(signal.SIGTERM, handle)
    try:
        yield is_closing
    except asyncio.CancelledError:
        if not was_cancelled:
            raise
        task.uncancel()
        log.info("stopped_while_starting")
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def hangups(*, are_heard: bool) -> Iterator[asyncio.Event]:
    """Set the event at each SIGHUP from now on, instead of ending the process."""
    hung_up, loop = asyncio.Event(), asyncio.get_running_loop()
    if are_heard:
        loop.add_signal_handler(signal.SIGHUP, hung_up.set)
    try:
        yield hung_up
    finally:
        if are_heard:
            loop.remove_signal_handler(signal.SIGHUP)


async def reload_at(
    hung_up: asyncio.Event, read: Callable[[], Settings], rotation: Rotation
) -> None:
    """Read the settings at each SIGHUP; if they cannot be used, the current ones stay."""
    masked = rotation.settings.secret_values
    while True:
        await hung_up.wait()
        hung_up.clear()
        try:
            fresh = await asyncio.to_thread(read)
            masked |= fresh.secret_values  # before anything uses them; former ones stay masked
            configure_logging(fresh.callaudio_log_format, masked)
            await rotation.take(fresh)
        except SettingsError as error:
            log.error("secrets_not_reloaded", problems=list(error.problems))  # noqa: TRY400 - its traceback adds nothing
        except SQLAlchemyError as error:
            # The new secrets are in use, and the canary is checked within the hour anyway.
            log.warning("canary_not_scheduled", error=type(error).__name__)
