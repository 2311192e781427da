"""Logs each unknown fact, and collects its error for a delivery.

A decision fails closed at once if a person waits for it. A delivery can decide again later, so it
needs to know whether a fact is only temporarily unknown; and it tells its requester the cause.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.errors import CallAudioError
from bot.observability.logs import get_logger

log = get_logger(__name__)

_NOTED: ContextVar[list[CallAudioError] | None] = ContextVar("unknown_facts", default=None)


@contextmanager
def collect_unknown_facts() -> Iterator[list[CallAudioError]]:
    """Yield a list that collects the errors noted inside the block."""
    noted: list[CallAudioError] = []
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def note_unknown_fact(fact: str, error: CallAudioError, **about: str) -> None:
    """Log the fact that is unknown, and collect the error."""
    log_unknown_fact(fact, error, **about)
    noted = _NOTED.get()
    if noted is not None:
        noted.append(error)


def log_unknown_fact(fact: str, error: CallAudioError, **about: str) -> None:
    """Log the fact that is unknown, where no delivery can depend on it or its error is raised."""
    log.warning("fact_unknown", fact=fact, code=error.code, **about)
