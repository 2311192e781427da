"""Which of the slots that came due are posted, and which are let go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A digest of this morning is worth reading in the evening; tomorrow the next one is there.
LONGEST_GRACE: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What is made up for after an outage: the newest slots, while they are not too old.

    Attributes:
        slots: how many.
        grace: how long after a slot it may still be posted.
        intervals: the same in times of the interval to the slot to come, which is soon enough.
    """

    slots: int = 1
    grace: timedelta = LONGEST_GRACE
    intervals: float = 0.5


@dataclass(frozen=True, slots=True)
class SortedSlots:
    """The slots that came due since the last look, oldest first."""

    to_post: tuple[datetime, ...]
    to_skip: tuple[datetime, ...]


def sort_out(
    due: Sequence[datetime], following: datetime, now: datetime, rule: CatchUp
) -> SortedSlots:
    """Choose the newest slots to post; what is older is let go.

    Args:
        due: when slots were due, oldest first, none in the future.
        following: when the next one will be due.
        now: the time.
        rule: how much is made up for.
    """
    if not due:
        return SortedSlots((), ())
    grace = min(rule.grace, rule.intervals * (following - due[-1]))
    to_post = tuple(each for each in due[-rule.slots :] if now - each <= grace)
    return SortedSlots(to_post, tuple(due[: len(due) - len(to_post)]))
