"""Which slots are posted after an outage, and which are skipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A morning digest is still useful in the evening; the next day there is a new one.
LONGEST_GRACE: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The rule for slots after an outage: the newest ones are posted if they are not too old.

    Attributes:
        slots: the maximum number of slots to post.
        grace: how late a slot may still be posted.
        intervals: the same limit, as a multiple of the interval to the next slot.
    """

    slots: int = 1
    grace: timedelta = LONGEST_GRACE
    intervals: float = 0.5


@dataclass(frozen=True, slots=True)
class CatchUpPlan:
    """The slots that came due since the last check, oldest first."""

    to_post: tuple[datetime, ...]
    to_skip: tuple[datetime, ...]


def plan_catch_up(
    due: Sequence[datetime], following: datetime, now: datetime, rule: CatchUp
) -> CatchUpPlan:
    """Choose the newest slots to post; older ones are skipped.

    Args:
        due: when slots were due, oldest first, none in the future.
        following: when the next one will be due.
        now: the time.
        rule: which slots are posted late.
    """
    if not due:
        return CatchUpPlan((), ())
    grace = min(rule.grace, rule.intervals * (following - due[-1]))
    to_post = tuple(each for each in due[-rule.slots :] if now - each <= grace)
    return CatchUpPlan(to_post, tuple(due[: len(due) - len(to_post)]))
