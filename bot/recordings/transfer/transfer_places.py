"""A fair semaphore for transfers, which hold connections and memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a place: an agent of a workspace."""

    team_id: str
    agent_name: str


class Places:
    """A number of places, the last of which are reserved for agents that hold few.

    Of eight places one agent holds at most six, even if its calls are slow; the last two go to
    agents that hold none or one. Waiting work is served by these criteria: the workspace with the
    fewest places, the agent with the fewest places, the order of arrival.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._kept_free = count // 3
        self._by_holder: Counter[Holder] = Counter()
        self._by_team: Counter[str] = Counter()
        self._waiting: list[tuple[Holder, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """The number of waiting transfers."""
        return len(self._waiting)

    @asynccontextmanager
    async def held(self, holder: Holder) -> AsyncIterator[None]:
        """Wait for a place, and hold it while the context lasts."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((holder, turn))
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove((holder, turn))
            else:  # the place was granted at the same moment
                self._count(holder, -1)
                self._hand_out()
            raise
        try:
            yield
        finally:
            self._count(holder, -1)
            self._hand_out()

    def _hand_out(self) -> None:
        while served := [each for each in self._waiting if self._may_have(each[0])]:
            # Of equals, the one that arrived first.
            first = min(served, key=lambda each: self._held_by(each[0]))
            self._waiting.remove(first)
            holder, turn = first
            if not turn.done():
                self._count(holder, 1)
                turn.set_result(None)

    def _may_have(self, holder: Holder) -> bool:
        return self._free > min(self._by_holder[holder], self._kept_free)

    def _held_by(self, holder: Holder) -> tuple[int, int]:
        return self._by_team[holder.team_id], self._by_holder[holder]

    def _count(self, holder: Holder, change: int) -> None:
        self._free -= change
        self._by_holder[holder] += change
        self._by_team[holder.team_id] += change
