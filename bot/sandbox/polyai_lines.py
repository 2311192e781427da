"""An agent's conversations in order, newest first, in any number."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from random import Random

from bot.sandbox.polyai_calls import PolyCall

_HANDOFF_SHARE = 0.25


@dataclass(frozen=True)
class GeneratedCalls:
    """Conversations at equal intervals, generated on demand, always the same."""

    agent_id: str
    count: int
    newest_at: datetime
    every: timedelta

    def started_at(self, index: int) -> datetime:
        """When the conversation started; index 0 is the newest."""
        return self.newest_at - index * self.every

    def call(self, index: int) -> PolyCall:
        """Generate the conversation."""
        number = self.count - 1 - index
        chance = Random(number)  # noqa: S311 - made up, the same every time
        started_at = self.started_at(index)
        return PolyCall(
            f"CA{number:032x}",
            self.agent_id,
            None,
            started_at=started_at,
            finished_at=started_at + timedelta(seconds=chance.randrange(10, 900)),
            from_number=f"+44{chance.randrange(10**9, 10**10)}",
            handoff=chance.random() < _HANDOFF_SHARE,
        )


class CallLine:
    """Given and generated conversations together, in one order."""

    def __init__(self, given: Iterable[PolyCall], generated: GeneratedCalls | None) -> None:
        self._given = sorted(given, key=place_of)
        self._generated = generated
        self._count = generated.count if generated else 0

    def __len__(self) -> int:
        return len(self._given) + self._count

    def since(self, offset: int) -> Iterator[PolyCall]:
        """The conversations from an offset on, generated one by one."""
        first = bisect_left(range(self._count), offset, key=self._rank)
        return merge(self._made(first), self._given[max(0, offset - first) :], key=place_of)

    def after(self, place: tuple[float, str]) -> int:
        """Return the offset of the first conversation after a place."""
        return bisect_right(range(len(self)), place, key=self._place_at)

    def _place_at(self, offset: int) -> tuple[float, str]:
        return place_of(next(self.since(offset)))

    def _rank(self, index: int) -> int:
        if self._generated is None or not self._given:
            return index
        own = place_of(self._generated.call(index))
        return index + bisect_left(self._given, own, key=place_of)

    def _made(self, first: int) -> Iterator[PolyCall]:
        if self._generated is not None:
            for index in range(first, self._count):
                yield self._generated.call(index)


def place_of(call: PolyCall) -> tuple[float, str]:
    """Return the place of a conversation in the order."""
    return (-call.started_at.timestamp(), call.conversation_id)
