"""The feed: what is new, changed, due or missed is looked at; what is gone is not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bot.jobs.digest_feed import DigestFeed
from bot.jobs.scheduler import Scheduler
from tests.patience import until

HOUR = timedelta(hours=1)


class FiringDouble:
    """Digests with revisions, and when each is due next."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.now = scheduler.time()
        self.digests: dict[str, int] = {}
        self.due: dict[str, datetime] = {}
        self.broken: set[str] = set()
        self.looks: Counter[str] = Counter()
        self.sweeps = 0

    async def sweep(self) -> int:
        self.sweeps += 1
        return 0

    async def revisions(self) -> dict[str, int]:
        return dict(self.digests)

    async def look(self, digest_id: str) -> datetime | None:
        self.looks[digest_id] += 1
        if digest_id in self.broken:
            raise ValueError(digest_id)
        return self.due.pop(digest_id, self.now + HOUR) if digest_id in self.digests else None


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler()
    async with scheduler.running():
        yield scheduler


@pytest.fixture
def firing(scheduler: Scheduler) -> FiringDouble:
    return FiringDouble(scheduler)


@pytest.fixture
def feed(firing: FiringDouble, scheduler: Scheduler) -> DigestFeed:
    return DigestFeed(firing=firing, scheduler=scheduler, clock=lambda: firing.now)  # type: ignore[arg-type]


async def test_each_digest_is_looked_at_once_and_again_when_it_was_changed(
    firing: FiringDouble, feed: DigestFeed
) -> None:
    firing.digests = {"g1": 1, "g2": 1}
    for _ in range(3):
        await feed.compare()
    assert firing.looks == {"g1": 1, "g2": 1}

    firing.digests["g1"] = 2
    await feed.compare()

    assert firing.looks == {"g1": 2, "g2": 1}
    assert firing.sweeps == 4


async def test_it_is_looked_at_when_it_is_due(firing: FiringDouble, feed: DigestFeed) -> None:
    firing.digests = {"g1": 1}
    firing.due["g1"] = firing.now + timedelta(milliseconds=50)
    await feed.compare()

    await looked(firing, "g1", 2)


async def test_what_the_scheduler_missed_the_feed_sees_to(
    firing: FiringDouble, feed: DigestFeed
) -> None:
    firing.digests = {"g1": 1}
    await feed.compare()
    firing.now += HOUR

    await feed.compare()

    assert firing.looks == {"g1": 2}


async def test_one_that_was_removed_is_looked_at_no_more(
    firing: FiringDouble, feed: DigestFeed
) -> None:
    firing.digests = {"g1": 1}
    firing.due["g1"] = firing.now + timedelta(milliseconds=50)
    await feed.compare()
    firing.digests = {}
    await feed.compare()
    await asyncio.sleep(0.2)

    assert firing.looks == {"g1": 1}


async def test_one_that_cannot_be_looked_at_keeps_no_other_from_it_and_is_asked_again(
    firing: FiringDouble, feed: DigestFeed
) -> None:
    firing.digests = {"g1": 1, "g2": 1}
    firing.broken = {"g1"}
    with capture_logs() as logs:
        await feed.compare()
    firing.broken = set()
    await feed.compare()

    assert [log["event"] for log in logs] == ["digest_look_failed"]
    assert firing.looks == {"g1": 2, "g2": 1}


async def test_a_wake_compares_at_once(firing: FiringDouble, feed: DigestFeed) -> None:
    feed.start(pause_seconds=3600)
    await swept(firing, 1)
    firing.digests = {"g1": 1}

    feed.wake()

    await looked(firing, "g1", 1)


async def looked(firing: FiringDouble, digest_id: str, times: int) -> None:
    await until(lambda: firing.looks[digest_id] >= times)


async def swept(firing: FiringDouble, times: int) -> None:
    await until(lambda: firing.sweeps >= times)
