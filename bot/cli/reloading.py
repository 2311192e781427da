"""Reads secrets again at SIGHUP."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from bot.observability.logs import configure_logging, get_logger
from bot.settings.model import Settings, SettingsError
from bot.wiring.rotation import Rotation

log = get_logger(__name__)


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
