"""How urgent the work is that runs now: it decides who waits where something is scarce."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum


class Urgency(IntEnum):
    """Kinds of work, the most urgent first."""

    ANSWER = 0
    """Somebody in Slack waits for an answer; also the default."""
    TAKE_BACK = 1
    CHECK = 2
    """Whether a file may stay."""
    DELIVERY = 3
    UPKEEP = 4
    PROGRESS = 5
    """Only done where there is plenty."""


_URGENCY: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.ANSWER)


def urgency_now() -> Urgency:
    """Tell how urgent this work is."""
    return _URGENCY.get()


@contextmanager
def working(urgency: Urgency) -> Iterator[None]:
    """Work with this urgency, and whatever is begun inside the block with it."""
    token = _URGENCY.set(urgency)
    try:
        yield
    finally:
        _URGENCY.reset(token)
