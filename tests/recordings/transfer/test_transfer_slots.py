"""Which agent gets a slot: none takes all of them, and no free slot is withheld."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.recordings.transfer.transfer_slots import SlotHolder, TransferSlots

SALES, CARE, BILLING = (SlotHolder("T1", name) for name in ("sales", "care", "billing"))
ABROAD = SlotHolder("T2", "sales")


class Crowd:
    """Tasks that hold a slot until they are released."""

    def __init__(self, count: int) -> None:
        self.slots = TransferSlots(count)
        self.held: list[SlotHolder] = []
        self._leave: list[tuple[SlotHolder, asyncio.Event, asyncio.Task[None]]] = []

    def come(self, *holders: SlotHolder) -> None:
        for holder in holders:
            leave = asyncio.Event()
            self._leave.append((holder, leave, asyncio.create_task(self._hold(holder, leave))))

    async def _hold(self, holder: SlotHolder, leave: asyncio.Event) -> None:
        async with self.slots.held(holder):
            self.held.append(holder)
            try:
                await leave.wait()
            finally:
                self.held.remove(holder)

    async def go(self, holder: SlotHolder) -> None:
        """Release the first task of this holder."""
        each = next(each for each in self._leave if each[0] == holder)
        self._leave.remove(each)
        each[1].set()
        await self.settle()

    async def cancel(self, holder: SlotHolder) -> None:
        """Cancel the last task of this holder."""
        each = next(each for each in reversed(self._leave) if each[0] == holder)
        self._leave.remove(each)
        each[2].cancel()
        await self.settle()

    async def settle(self) -> Counter[SlotHolder]:
        for _ in range(10):
            await asyncio.sleep(0)
        return Counter(self.held)

    async def end(self) -> None:
        for _, leave, _ in self._leave:
            leave.set()
        await asyncio.gather(*(task for _, _, task in self._leave))


@pytest.fixture
async def eight():
    async with AsyncExitStack() as stack:
        crowd = Crowd(8)
        stack.push_async_callback(crowd.end)
        yield crowd


async def test_one_agent_never_takes_the_last_two_of_eight(eight):
    eight.come(*[SALES] * 20)
    assert await eight.settle() == {SALES: 6}
    eight.come(CARE)
    assert await eight.settle() == {SALES: 6, CARE: 1}
    eight.come(CARE, BILLING)
    assert await eight.settle() == {SALES: 6, CARE: 1, BILLING: 1}


async def test_a_free_slot_goes_to_the_workspace_and_agent_with_the_fewest(eight):
    eight.come(*[SALES] * 6, CARE, CARE)
    await eight.settle()
    eight.come(*[SALES] * 5)
    eight.come(*[CARE] * 5)
    eight.come(ABROAD)
    await eight.settle()
    await eight.go(SALES)
    assert (await eight.settle())[ABROAD] == 1


async def test_equal_holders_are_served_in_the_order_of_arrival():
    crowd = Crowd(1)
    crowd.come(SALES, CARE, BILLING)
    assert await crowd.settle() == {SALES: 1}
    await crowd.go(SALES)
    assert crowd.held == [CARE]
    await crowd.end()


async def test_a_cancelled_wait_takes_no_slot(eight):
    eight.come(*[SALES] * 8)
    await eight.settle()
    await eight.cancel(SALES)
    await eight.go(SALES)
    assert await eight.settle() == {SALES: 6}


@pytest.mark.parametrize("ticks", range(4))
async def test_a_slot_granted_to_a_cancelled_wait_is_not_lost(ticks):
    crowd = Crowd(1)
    crowd.come(SALES, CARE)
    await crowd.settle()
    _, leave, _ = crowd._leave.pop(0)
    _, _, giving_up = crowd._leave.pop(0)
    leave.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    giving_up.cancel()
    crowd.come(BILLING)
    assert await crowd.settle() == {BILLING: 1}
    await crowd.end()


async def test_a_stop_cancels_those_who_hold_slots_and_those_who_wait():
    crowd = Crowd(1)
    crowd.come(SALES, CARE, BILLING)
    await crowd.settle()
    tasks = [task for _, _, task in crowd._leave]
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * 3
    crowd._leave.clear()
    crowd.come(SALES)
    assert await crowd.settle() == {SALES: 1}
    await crowd.end()


MOVES = st.lists(
    st.tuples(st.sampled_from(["come", "go", "cancel"]), st.sampled_from([SALES, CARE, ABROAD])),
    max_size=40,
)


@given(st.integers(1, 8), MOVES)
async def test_no_slot_is_held_beyond_the_number_or_withheld_without_reason(count, moves):
    crowd = Crowd(count)
    for move, holder in moves:
        if move == "come":
            crowd.come(holder)
        elif holder in [each[0] for each in crowd._leave]:
            await (crowd.go(holder) if move == "go" else crowd.cancel(holder))
        held = await crowd.settle()
        waiting = Counter(each[0] for each in crowd._leave) - held
        free = count - held.total()
        assert free >= 0
        assert all(free <= min(held[each], count // 3) for each in waiting)
    await crowd.end()
