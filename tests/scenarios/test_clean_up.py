"""A starting bot removes old data after the work that people wait for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from tests.conftest import NOON
from tests.polling import until
from tests.pruning.test_pruning import fill, left

MINUTE = timedelta(minutes=1)


async def test_frequent_restarts_do_not_postpone_the_removal(new_scene, sqlite_store, timings):
    timings = replace(timings, clean_up_after=MINUTE)
    await fill(sqlite_store, 1, age=timedelta(days=4000))

    for seconds in (0, 40):
        async with new_scene(timings=timings, clock=after(seconds)):
            assert await left(sqlite_store) == ["d0"]

    async def is_gone() -> bool:
        return await left(sqlite_store) == []

    async with new_scene(timings=timings, clock=after(60)):
        await until(is_gone)


def after(seconds: float) -> Callable[[], datetime]:
    return lambda: NOON + timedelta(seconds=seconds)
