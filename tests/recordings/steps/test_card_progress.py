"""Progress on the card: limited per process, and never after the end of the transfer."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from bot.concurrency.urgency import Urgency, urgency_now
from bot.errors import CallAudioError
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.steps import card_progress
from bot.recordings.steps.card_progress import Progress, ProgressIntervals
from tests.polling import DEADLINE_SECONDS, until
from tests.recordings.deliveries.rows import under_way

TICK = 0.01
BEYOND_DEADLINE_SECONDS = 2 * DEADLINE_SECONDS


def delivery(number: int = 1, **changes):
    columns = {"card_ts": f"{number}.0", "conversation_id": "CA1", **changes}
    return under_way(f"d{number}", **columns)


class Wall:
    """Slack's cards and the store's deliveries; records the updates of each card in order."""

    def __init__(self, *, intervals: ProgressIntervals | None = None) -> None:
        self.said: list[tuple[str, int]] = []
        self.errors: list[Exception] = []
        self.takes_seconds = 0.0
        self.tries = 0
        self.now = 0.0
        self.rows: dict[str, Delivery] = {}
        self.progress = Progress(
            deliveries=self,
            slack=self,
            intervals=intervals or ProgressIntervals(one_card_seconds=TICK, all_cards_seconds=0),
            monotonic=lambda: self.now,
        )

    async def read(self, delivery_id: str):
        return self.rows[delivery_id]

    async def show_progress(self, ts: str, announcement, percent: int) -> None:
        assert announcement.conversation_id == "CA1"
        assert urgency_now() is Urgency.PROGRESS, "everything else goes first"
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        await asyncio.sleep(self.takes_seconds)
        self.said.append((ts, percent))

    @asynccontextmanager
    async def transfer(self, row=None, size_bytes: int = 100):
        row = row or delivery()
        self.rows.setdefault(row.id, row)
        async with self.progress.shown(row, size_bytes) as watch:
            yield watch

    async def until_tried(self) -> None:
        await until(lambda: self.tries)

    async def until_said(self, count: int) -> None:
        await until(lambda: len(self.said) >= count)


async def test_progress_is_shown_as_sent_bytes_and_not_repeated():
    wall = Wall()
    async with wall.transfer(size_bytes=1000) as watch:
        watch(bytes(429))
        await wall.until_said(1)
        await asyncio.sleep(5 * TICK)
        watch(bytes(571))
        await wall.until_said(2)
    assert wall.said == [("1.0", 42), ("1.0", 99)], "all of it is said by the card that follows"


async def test_no_progress_is_shown_before_the_first_byte_or_after_the_last():
    wall = Wall()
    async with wall.transfer() as watch:
        await asyncio.sleep(5 * TICK)
    watch(bytes(50))
    await asyncio.sleep(5 * TICK)
    assert wall.said == []


async def test_the_end_waits_for_an_update_under_way():
    wall = Wall()
    wall.takes_seconds = 0.1
    async with wall.transfer() as watch:
        watch(bytes(10))
        await wall.until_tried()
        assert wall.said == []
    assert wall.said == [("1.0", 10)]


async def test_an_update_that_hangs_is_cancelled_and_tried_again(monkeypatch):
    monkeypatch.setattr(card_progress, "LONGEST_UPDATE_SECONDS", 2 * TICK)
    wall = Wall()
    wall.takes_seconds = BEYOND_DEADLINE_SECONDS
    async with asyncio.timeout(DEADLINE_SECONDS), wall.transfer() as watch:
        watch(bytes(10))
        await wall.until_tried()
        wall.takes_seconds = 0
        await wall.until_said(1)
    assert wall.said == [("1.0", 10)]


async def test_a_failed_update_is_skipped():
    wall = Wall()
    wall.errors = [CallAudioError(), CallAudioError()]
    async with wall.transfer() as watch:
        watch(bytes(10))
        await wall.until_said(1)
    assert wall.errors == []


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        pytest.param(ZeroDivisionError(), ["error"], id="a bug, which is logged"),
        pytest.param(
            OperationalError("SELECT", {}, Exception("server closed the connection")),
            [],
            id="no database, which the store logs once for all",
        ),
    ],
)
async def test_progress_that_breaks_does_not_fail_the_transfer(error, logged):
    wall = Wall()
    wall.errors = [error]
    with capture_logs() as lines:
        async with wall.transfer() as watch:
            watch(bytes(10))
            await wall.until_tried()
    assert wall.said == []
    assert [line["log_level"] for line in lines] == logged


async def test_all_transfers_share_one_interval_and_skip_updates_that_come_too_soon():
    wall = Wall(intervals=ProgressIntervals(one_card_seconds=TICK, all_cards_seconds=2))
    async with wall.transfer(delivery(1)) as one, wall.transfer(delivery(2)) as two:
        one(bytes(10))
        two(bytes(20))
        await wall.until_said(1)
        await asyncio.sleep(5 * TICK)
        assert len(wall.said) == 1
        wall.now += 2
        await wall.until_said(2)
    assert len(wall.said) == 2


async def test_no_transfer_updates_until_the_end_of_a_retry_after():
    wall = Wall()
    wall.errors = [CallAudioError(retry_after_seconds=30)]
    async with wall.transfer() as watch:
        watch(bytes(10))
        await wall.until_tried()
        await asyncio.sleep(5 * TICK)
        assert (wall.tries, wall.said) == (1, [])
        wall.now += 30
        await wall.until_said(1)


@pytest.mark.parametrize(
    "meanwhile",
    [{"file_id": "F1"}, {"state": "failed"}, {"card_ts": "9.0"}],
    ids=["uploaded", "ended", "another card"],
)
async def test_a_worker_that_stalled_does_not_overwrite_the_card_of_another(meanwhile):
    wall = Wall()
    wall.rows["d1"] = delivery(**meanwhile)
    async with wall.transfer(delivery()) as watch:
        watch(bytes(10))
        await asyncio.sleep(5 * TICK)
    assert wall.said == []


async def test_a_failing_transfer_raises_its_own_error_and_ends_its_progress():
    wall = Wall()

    async def transfer() -> None:
        async with wall.transfer() as watch:
            watch(bytes(10))
            raise CallAudioError

    with pytest.raises(CallAudioError):
        await transfer()
    await asyncio.sleep(3 * TICK)
    assert wall.said == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_shutdown_does_not_wait_for_an_update(monkeypatch):
    monkeypatch.setattr(card_progress, "LONGEST_UPDATE_SECONDS", BEYOND_DEADLINE_SECONDS)
    wall = Wall()
    wall.takes_seconds = BEYOND_DEADLINE_SECONDS

    async def transfer() -> None:
        async with wall.transfer() as watch:
            watch(bytes(10))
            await asyncio.sleep(BEYOND_DEADLINE_SECONDS)

    task = asyncio.create_task(transfer())
    await wall.until_tried()
    task.cancel()
    # The order matters: the time-out also cancels what it surrounds.
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await task
    assert wall.said == []


def test_eight_transfers_stay_below_slacks_limit():
    intervals = ProgressIntervals()
    assert intervals.one_card_seconds >= 3
    assert 60 / intervals.all_cards_seconds <= 40
