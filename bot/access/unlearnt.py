"""Notes facts that could not be learnt for a passing reason, for whoever has time to ask again.

A decision takes the safe side at once where a person waits for its answer. A delivery can ask
again in a while, so it wants to know whether an unknown fact was only unknown for now.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.errors import CallAudioError

_NOTED: ContextVar[list[CallAudioError] | None] = ContextVar("unlearnt", default=None)


@contextmanager
def noting_unlearnt() -> Iterator[list[CallAudioError]]:
    """Give a list that fills with the passing errors for which facts stay unknown meanwhile."""
    noted: list[CallAudioError] = []
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def note_unlearnt(error: CallAudioError) -> None:
    """Note that a fact is unknown because of this error, if it may go well later."""
    noted = _NOTED.get()
    if noted is not None and error.retryable:
        noted.append(error)
