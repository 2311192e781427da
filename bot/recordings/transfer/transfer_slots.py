"""A fair semaphore for transfers, which hold connections and memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotHolder:
    """The holder of a slot: an agent of a workspace."""

    team_id: str
    agent_name: str


class TransferSlots:
    """A number of slots, the last of which are reserved for agents that hold few.

    Of eight slots one agent holds at most six, even if its calls are slow; the last two go to
    agents that hold none or one. Waiting work is served by these criteria: the workspace with the
    fewest slots, the agent with the fewest slots, the order of arrival.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._reserved = count // 3
        self._by_holder: Counter[SlotHolder] = Counter()
        self._by_team: Counter[str] = Counter()
        self._waiting: list[tuple[SlotHolder, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """The number of waiting transfers."""
        return len(self._waiting)

    @asynccontextmanager
    async def held(self, holder: SlotHolder) -> AsyncIterator[None]:
        """Wait for a slot, and hold it while the context lasts."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((holder, granted))
        self._grant_free_slots()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                self._waiting.remove((holder, granted))
            else:  # the slot was granted at the same moment
                self._count(holder, -1)
                self._grant_free_slots()
            raise
        try:
            yield
        finally:
            self._count(holder, -1)
            self._grant_free_slots()

    def _grant_free_slots(self) -> None:
        # A cancelled one removes itself, when its task runs next.
        while served := [
            (holder, granted)
            for holder, granted in self._waiting
            if not granted.done() and self._may_have(holder)
        ]:
            # Of equals, the one that arrived first.
            first = min(served, key=lambda each: self._held_by(each[0]))
            self._waiting.remove(first)
            holder, granted = first
            self._count(holder, 1)
            granted.set_result(None)

    def _may_have(self, holder: SlotHolder) -> bool:
        return self._free > min(self._by_holder[holder], self._reserved)

    def _held_by(self, holder: SlotHolder) -> tuple[int, int]:
        return self._by_team[holder.team_id], self._by_holder[holder]

    def _count(self, holder: SlotHolder, change: int) -> None:
        self._free -= change
        self._by_holder[holder] += change
        self._by_team[holder.team_id] += change
