"""Collects the temporary errors that left a fact unknown, so that a delivery can retry.

A decision fails closed at once if a person waits for it. A delivery can decide again later, so it
needs to know whether a fact is only temporarily unknown.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.errors import CallAudioError

_NOTED: ContextVar[list[CallAudioError] | None] = ContextVar("unknown_facts", default=None)


@contextmanager
def collect_unknown_facts() -> Iterator[list[CallAudioError]]:
    """Yield a list that collects the temporary errors raised inside the block."""
    noted: list[CallAudioError] = []
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def note_unknown_fact(error: CallAudioError) -> None:
    """Collect the error if a retry may succeed."""
    noted = _NOTED.get()
    if noted is not None and error.retryable:
        noted.append(error)
