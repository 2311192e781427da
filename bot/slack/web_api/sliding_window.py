"""A sliding-window rate limit: the calls that count now, and how many more may be made."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.slack.web_api.published_limits import Limit

MARGIN: Final = 1.025
"""A call counts a little longer, because it reaches Slack some time after it was allowed."""
LEAST_WAIT_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Spent:
    """The calls that count, each until its own time; and until when Slack accepts no calls."""

    calls: tuple[tuple[float, int], ...] = ()
    held_until: float = 0.0
    held_seconds: float = 0.0
    """How long that was from when it was stored: it bounds the wait if the clock is set back."""

    @property
    def ends_at(self) -> float:
        """When none of the calls counts any more, and no hold is in force."""
        return max([self.held_until, *(until for until, _ in self.calls)])


@dataclass(frozen=True, slots=True)
class Since:
    """The calls since the last query of the store, as times of its clock."""

    made: Sequence[float] = ()
    """Calls that the store has not counted."""
    taken: Sequence[float] = ()
    """When calls that are in ``made`` were taken from the store, earlier than they were made."""


NOTHING: Final = Since()


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many calls may be made now, and in how many seconds more may be."""

    calls: int
    again_seconds: float


def spend(
    spent: Spent, limit: Limit, *, wanted: int, now: float, since: Since = NOTHING
) -> tuple[Spent, Allowed]:
    """Allow as many calls as the limit has room for."""
    lasts = limit.seconds * MARGIN
    counts: Counter[float] = Counter()
    for until, count in spent.calls:
        counts[min(until, now + lasts)] += count  # later: the clock was set back
    for at in since.taken:
        if counts:
            counts[min(counts, key=lambda until: abs(until - lasts - at))] -= 1
            counts = +counts
    counts.update(at + lasts for at in since.made)
    counting = sorted((until, count) for until, count in counts.items() if until > now)
    held_until = min(spent.held_until, now + spent.held_seconds)
    held = max(0.0, held_until - now)
    room = max(0, limit.calls - sum(count for _, count in counting))
    allowed = 0 if held else min(wanted, room)
    if allowed:
        counting.append((now + lasts, allowed))
    first_over = counting[0][0] - now if counting and allowed == room else 0.0
    again = max(held, first_over, LEAST_WAIT_SECONDS)
    return replace(spent, calls=tuple(counting), held_until=held_until), Allowed(allowed, again)


def hold(spent: Spent, *, seconds: float, now: float) -> Spent:
    """Allow no calls for that long."""
    before = min(spent.held_until - now, spent.held_seconds)
    longest = max(before, seconds)
    return replace(spent, held_until=now + longest, held_seconds=longest)
