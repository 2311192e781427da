"""Each delivery has one card, whatever is lost on the way to it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.naming import announcement_of
from bot.recordings.deliveries.slack_port import Announcement
from bot.recordings.steps.announcing import Announcing
from bot.store.database import Database
from tests.conftest import NOON
from tests.recordings.deliveries.rows import later_events, stored_delivery

PLACE = object()
EARLIER = NOON - timedelta(minutes=1)


async def nothing() -> None:
    """Change nothing meanwhile."""


class AnnouncingSetup:
    """A decided recording, its destination and Slack; records the calls."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.deliveries = DeliveryStore(database=database, clock=lambda: NOON)
        self.announcing = Announcing(deliveries=self.deliveries, destinations=self, slack=self)
        self.calls: list[tuple[Any, ...]] = []
        self.posted_earlier: str | None = None
        self.while_posting: Callable[[], Awaitable[Any]] = nothing

    async def enter(self, channel_id: str, known: object) -> None:
        assert known is PLACE
        self.calls.append(("enter", channel_id))

    async def find_announcement(self, card: Announcement, since: object) -> str | None:
        self.calls.append(("find", card, since))
        return self.posted_earlier

    async def announce(self, card: Announcement) -> str:
        self.calls.append(("post", card))
        await self.while_posting()
        return "2.0"

    async def withdraw(self, channel_id: str, ts: str) -> None:
        self.calls.append(("withdraw", channel_id, ts))

    async def decided(self, **changes: Any) -> Delivery:
        usual = {"destination_channel_id": "C1", "state": State.DECIDED.value}
        return await stored_delivery(self.database, **{**usual, **changes})

    async def announce_it(self, delivery: Delivery) -> str:
        return await self.announcing.announce(delivery, PLACE)


@pytest.fixture
def setup(sqlite_store: Database) -> AnnouncingSetup:
    return AnnouncingSetup(sqlite_store)


@pytest.mark.parametrize(
    ("asked_thread_ts", "parent_ts"),
    [pytest.param(None, "2.0", id="a new thread"), pytest.param("1.0", "1.0", id="a reply")],
)
async def test_a_card_is_posted_and_stored_with_its_event(setup, asked_thread_ts, parent_ts):
    delivery = await setup.decided(asked_thread_ts=asked_thread_ts)

    async def tried() -> None:
        assert (await setup.deliveries.read(delivery.id)).announce_tried_at == NOON

    setup.while_posting = tried
    assert await setup.announce_it(delivery) == "2.0"

    assert setup.calls == [("enter", "C1"), ("post", announcement_of(delivery))]
    now = await setup.deliveries.read(delivery.id)
    assert (now.card_ts, now.parent_ts, now.state) == ("2.0", parent_ts, State.ANNOUNCED)
    assert await later_events(setup.database) == [
        ("worker:delivery:announced", {"channel_id": "C1", "ts": "2.0"})
    ]


async def test_a_card_that_is_stored_is_not_posted_again(setup):
    delivery = await setup.decided(card_ts="1.0", announce_tried_at=EARLIER)
    assert await setup.announce_it(delivery) == "1.0"
    assert setup.calls == []


@pytest.mark.parametrize(
    ("found", "ts"),
    [pytest.param("1.5", "1.5", id="posted"), pytest.param(None, "2.0", id="not posted")],
)
async def test_a_card_whose_answer_was_lost_is_looked_for_first(setup, found, ts):
    delivery = await setup.decided(announce_tried_at=EARLIER)
    setup.posted_earlier = found
    assert await setup.announce_it(delivery) == ts
    card = announcement_of(delivery)
    assert setup.calls[:2] == [("enter", "C1"), ("find", card, EARLIER)]
    assert setup.calls[2:] == ([] if found else [("post", card)])
    now = await setup.deliveries.read(delivery.id)
    assert (now.card_ts, now.announce_tried_at) == (ts, EARLIER), (
        "cards of all tries are looked for"
    )


@pytest.mark.parametrize(
    ("meanwhile", "ts", "withdrawn"),
    [
        pytest.param({"card_ts": "1.0"}, "1.0", [("withdraw", "C1", "2.0")], id="two cards"),
        pytest.param({"card_ts": "2.0"}, "2.0", [], id="both found the same card"),
        pytest.param({"state": "failed"}, "2.0", [("withdraw", "C1", "2.0")], id="it ended"),
    ],
)
async def test_the_card_or_the_end_stored_by_a_faster_worker_counts(
    setup, meanwhile, ts, withdrawn
):
    delivery = await setup.decided()
    setup.while_posting = lambda: setup.deliveries.change(delivery, meanwhile)
    assert await setup.announce_it(delivery) == ts
    assert setup.calls[2:] == withdrawn
    assert (await setup.deliveries.read(delivery.id)).card_ts == meanwhile.get("card_ts")
    assert await later_events(setup.database) == []


async def test_a_card_posted_during_a_shutdown_is_stored(setup):
    delivery = await setup.decided()
    task = asyncio.create_task(setup.announce_it(delivery))

    async def shut_down() -> None:
        task.cancel()
        await asyncio.sleep(0)

    setup.while_posting = shut_down
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await setup.deliveries.read(delivery.id)).card_ts == "2.0"
