"""The scheduler: one run of a name at a time, nothing lost by an error, nothing left at the end."""

import asyncio
from datetime import timedelta

from structlog.testing import capture_logs

from bot.jobs.scheduler import Scheduler
from tests.patience import until

SOON = timedelta(milliseconds=30)


class Work:
    """Counts its runs, and stands still or fails as it is told."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.broken_off = 0
        self.failures = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self) -> None:
        self.begun += 1
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.ended += 1

    async def reaches(self, runs: int) -> None:
        await until(lambda: self.begun >= runs)


async def test_what_is_due_at_an_instant_runs_once_then() -> None:
    work, scheduler = Work(), Scheduler()
    async with scheduler.running():
        scheduler.at(scheduler.time() + SOON, "once", work)
        assert work.begun == 0
        await work.reaches(1)
        await asyncio.sleep(0.1)

    assert work.begun == 1


async def test_what_is_over_already_runs_at_once_and_a_new_order_takes_the_old_ones_place() -> None:
    work, other, scheduler = Work(), Work(), Scheduler()
    async with scheduler.running():
        scheduler.at(scheduler.time() + SOON, "same", other)
        scheduler.at(scheduler.time() - timedelta(days=3), "same", work)
        await work.reaches(1)
        await asyncio.sleep(0.1)

    assert (work.begun, other.begun) == (1, 0)


async def test_it_runs_again_and_again_and_when_it_is_woken() -> None:
    work, rare, scheduler = Work(), Work(), Scheduler()
    async with scheduler.running():
        scheduler.every(0.02, "often", work)
        scheduler.every(3600, "rare", rare)
        await work.reaches(3)
        await rare.reaches(1)
        scheduler.wake("rare")
        await rare.reaches(2)
        scheduler.wake("unknown")


async def test_while_it_runs_its_next_times_are_left_out_without_a_word() -> None:
    work, scheduler = Work(), Scheduler()
    work.hold.clear()
    with capture_logs() as logs:
        async with scheduler.running():
            scheduler.every(0.02, "slow", work)
            await asyncio.sleep(0.2)
            assert work.begun == 1
            work.hold.set()
            await work.reaches(2)

    assert logs == []


async def test_runs_that_hang_are_joined_by_others_up_to_so_many_at_once() -> None:
    work, scheduler = Work(), Scheduler()
    work.hold.clear()
    async with scheduler.running():
        scheduler.every(0.02, "lanes", work, at_once=3)
        await work.reaches(3)
        await asyncio.sleep(0.2)
        assert work.begun == 3

    assert work.broken_off == 3


async def test_an_error_is_logged_and_the_next_time_comes_all_the_same() -> None:
    work, scheduler = Work(), Scheduler()
    work.failures = 1
    with capture_logs() as logs:
        async with scheduler.running():
            scheduler.every(0.02, "shaky", work)
            await work.reaches(2)

    assert [(log["event"], log["work"]) for log in logs] == [("scheduled_work_failed", "shaky")]


async def test_what_was_taken_back_does_not_run() -> None:
    work, scheduler = Work(), Scheduler()
    async with scheduler.running():
        scheduler.at(scheduler.time() + SOON, "unwanted", work)
        scheduler.forget("unwanted")
        scheduler.forget("unknown")
        await asyncio.sleep(0.1)

    assert work.begun == 0


async def test_at_the_end_what_runs_is_broken_off_and_nothing_begins() -> None:
    work, scheduler = Work(), Scheduler()
    work.hold.clear()
    with capture_logs() as logs:
        async with scheduler.running():
            scheduler.every(0.02, "held", work)
            await work.reaches(1)
    begun = work.begun
    await asyncio.sleep(0.1)

    assert (work.begun, work.broken_off) == (begun, 1)
    assert logs == []
