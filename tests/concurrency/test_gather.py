"""Nothing that was started together outlives the call, even if something fails."""

import asyncio

import pytest

from bot.concurrency.gather import both, every


class Failed(Exception):
    pass


async def fails() -> int:
    raise Failed


async def later(done: list[str]) -> str:
    await asyncio.sleep(0.01)
    done.append("done")
    return "later"


async def test_results_come_in_order():
    done: list[str] = []
    assert await both(later(done), asyncio.sleep(0, 7)) == ("later", 7)
    assert await every(asyncio.sleep(0.01 / n, n) for n in (1, 2, 3)) == [1, 2, 3]


async def test_a_failure_is_raised_once_the_others_have_ended():
    done: list[str] = []
    with pytest.raises(Failed):
        await both(fails(), later(done))
    with pytest.raises(Failed):
        await every([later(done), fails(), later(done)])
    assert done == ["done"] * 3
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_gather_leaves_nothing_running():
    done: list[str] = []
    waiting = asyncio.create_task(both(later(done), later(done)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
