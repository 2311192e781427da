"""The priority of the running work, where it competes for a scarce resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum


class Urgency(IntEnum):
    """Priorities, the highest first."""

    ANSWER = 0
    """A person in Slack is waiting for an answer; the default."""
    LOOKUP = 1
    """A person waits for the decision on a conversation, which may take many calls to Slack."""
    TAKE_BACK = 2
    CHECK = 3
    """A check whether a file may stay visible."""
    DELIVERY = 4
    UPKEEP = 5
    PROGRESS = 6
    """Skipped when the resource is scarce."""


_URGENCY: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.ANSWER)


def urgency_now() -> Urgency:
    """Return the priority of the running work."""
    return _URGENCY.get()


@contextmanager
def working(urgency: Urgency) -> Iterator[None]:
    """Give this priority to the block and to tasks started in it."""
    token = _URGENCY.set(urgency)
    try:
        yield
    finally:
        _URGENCY.reset(token)
