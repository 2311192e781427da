"""Repeated requests, by Slack or by people, deliver one recording, and people learn of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from bot.access.administration import Actor
from bot.polyai.payloads import Direction
from bot.recordings.requests.authorization import Requester
from bot.recordings.requests.new_request import NewRequest
from bot.recordings.requests.request_store import RequestStore
from bot.recordings.requests.request_writer import StoredRequest
from bot.store.database import Database
from bot.store.idempotency import DOUBLE_SUBMIT_WINDOW
from bot.store.tables import AuditEventRow, DeliveryRow
from tests.conftest import NOON
from tests.recordings.requests.builders import changed_request
from tests.scenarios.scene import ALICE, BOB, CALL, CHANNEL, Scene

ALREADY = f"The recording of `{CALL}` is already on its way."
OTHER_CHANNEL = "C0COACHING"
THIRD_CHANNEL = "C0TRAINING"


async def everything_ended(scene: Scene) -> int:
    """Wait until no delivery is under way; returns the number of visible recordings."""
    for delivery in await scene.deliveries():
        await scene.ended(delivery.id)
    return len(scene.every_visible_file())


async def test_a_command_sent_twice_by_slack_is_one_recording(scene):
    first = await scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3")
    again = await scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3")

    assert "Got it" in first.text
    assert again.text == ALREADY
    assert await everything_ended(scene) == 1
    late = await scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3")
    assert late.text == ALREADY
    assert await everything_ended(scene) == 1
    assert len(await scene.deliveries()) == 1


async def test_a_command_sent_twenty_times_at_once_by_slack_is_one_recording(scene):
    acks = await asyncio.gather(
        *(scene.people.command(ALICE, CHANNEL, CALL, trigger_id="1.2.3") for _ in range(20))
    )

    assert all(ack.arrived for ack in acks)
    assert sorted(ack.text for ack in acks)[1:] == [ALREADY] * 19
    assert await everything_ended(scene) == 1


async def test_the_same_words_typed_twice_are_one_recording_and_the_answer_says_so(scene):
    first, second = await asyncio.gather(
        scene.people.command(ALICE, CHANNEL, CALL),
        scene.people.command(ALICE, CHANNEL, f"  {CALL}  combined "),
    )

    assert {ALREADY} < {first.text, second.text}
    assert await everything_ended(scene) == 1
    third = await scene.people.command(ALICE, CHANNEL, CALL)
    assert third.text == ALREADY
    assert await everything_ended(scene) == 1


async def test_any_other_choice_is_a_new_request(scene, subtests):
    differing = {
        "another side": (ALICE, CHANNEL, f"{CALL} user"),
        "redacted": (ALICE, CHANNEL, f"{CALL} redacted"),
        "another person": (BOB, CHANNEL, CALL),
        "to another channel": (ALICE, CHANNEL, f"{CALL} {OTHER_CHANNEL}"),
        "from another channel": (ALICE, THIRD_CHANNEL, CALL),
    }
    for channel in (CHANNEL, OTHER_CHANNEL, THIRD_CHANNEL):
        scene.workspace.add_channel(channel, members=[ALICE, BOB])
    await scene.people.command(ALICE, CHANNEL, CALL)

    for files, (what, (user, channel, text)) in enumerate(differing.items(), start=2):
        with subtests.test(what):
            ack = await scene.people.command(user, channel, text)

            assert "Got it" in ack.text
            assert await everything_ended(scene) == files


async def test_a_request_after_a_failure_delivers_the_recording(scene):
    """Nobody waits ten seconds after inviting the bot."""
    scene.workspace.change_channel(CHANNEL, bot_is_member=False)
    failed = await scene.ask()
    assert (failed.delivery.state, failed.delivery.error_code) == ("failed", "conversation_unseen")
    await scene.next_second()
    scene.workspace.change_channel(CHANNEL, bot_is_member=True)

    seen = await scene.ask()

    assert "Got it" in seen.ack.text
    assert seen.delivery.state == "delivered"
    assert await everything_ended(scene) == 1


async def test_a_button_pressed_twice_is_one_recording(scene):
    scene.workspace.join(CHANNEL, BOB)
    await scene.grant()
    seen = await scene.ask()
    (button,) = seen.buttons

    for _ in range(2):
        ack = await scene.people.block_action(
            ALICE, CHANNEL, seen.note.ts, button["action_id"], button["value"]
        )
        assert ack.status == 200

    assert await everything_ended(scene) == 2  # the earlier redacted one, and one raw
    assert len(await scene.deliveries()) == 2


# The store only, with chosen times.


def request(trigger_id: str = "1.2.3", **changes: object) -> NewRequest:
    url = SecretStr("https://hooks.slack.com/commands/1")
    typed = NewRequest(
        requester=Requester(Actor("T0CALLAUDIO", None, ALICE), CHANNEL, trigger_id, url),
        source="command",
        agent_name="default",
        conversation_id=CALL,
        direction=Direction.COMBINED,
        asked_redacted=False,
        channel_id=CHANNEL,
    )
    return changed_request(typed, **changes)


class Books:
    """Request stores of several processes on one database, with one clock."""

    def __init__(self, databases: list[Database]) -> None:
        self.now = NOON
        self.stored = 0
        self.databases = databases
        self.books = [RequestStore(database=each, clock=lambda: self.now) for each in databases]
        for each in databases:
            each.on_work_stored = self._count

    def _count(self) -> None:
        self.stored += 1

    async def at_once(self, *requests: NewRequest) -> list[StoredRequest]:
        return await asyncio.gather(
            *(
                self.books[number % len(self.books)].store(each)
                for number, each in enumerate(requests)
            )
        )

    async def end_all(self) -> None:
        async with self.databases[0].write() as session:
            ended = update(DeliveryRow).values(state="delivered", ended_at=self.now)
            await session.execute(ended)

    async def counts(self) -> tuple[int, int]:
        async with self.databases[0].read() as session:
            deliveries = await session.scalar(select(func.count()).select_from(DeliveryRow))
            events = await session.scalar(select(func.count()).select_from(AuditEventRow))
        return deliveries or 0, events or 0


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    """Two processes on one database, on SQLite and on PostgreSQL."""
    databases = [Database(database_url), Database(database_url)]
    yield Books(databases)
    for database in databases:
        await database.close()


async def test_two_simultaneous_repeats_of_a_trigger_are_one_request(books):
    for number in range(20):
        trigger = f"{number}.1.1"
        call = f"CA{number:032x}"
        stored = await books.at_once(*(request(trigger, conversation_id=call) for _ in range(4)))
        assert len({each.delivery_id for each in stored}) == 1
        assert sorted(each.is_repeat for each in stored) == [False, True, True, True]
    assert await books.counts() == (20, 20)
    assert books.stored == 20


async def test_two_simultaneous_submits_of_the_same_words_are_one_request(books):
    for number in range(20):
        call = f"CA{number:032x}"
        stored = await books.at_once(
            *(request(f"{number}.{twin}.1", conversation_id=call) for twin in range(4))
        )
        assert len({each.delivery_id for each in stored}) == 1
        assert sorted(each.is_repeat for each in stored) == [False, True, True, True]
    assert await books.counts() == (20, 20)
    assert books.stored == 20


async def test_the_window_for_words_ends_after_ten_seconds_and_for_triggers_never(books):
    (first,) = await books.at_once(request("1.1.1"))
    await books.end_all()
    books.now += DOUBLE_SUBMIT_WINDOW
    (within,) = await books.at_once(request("2.2.2"))
    books.now += timedelta(milliseconds=1)
    (after,) = await books.at_once(request("3.3.3"))
    books.now += timedelta(days=30)
    (redelivered,) = await books.at_once(request("1.1.1"))

    assert (within.delivery_id, within.is_repeat) == (first.delivery_id, True)
    assert after.delivery_id != first.delivery_id
    assert not after.is_repeat
    assert (redelivered.delivery_id, redelivered.is_repeat) == (first.delivery_id, True)
    assert await books.counts() == (2, 2)


async def test_a_request_sent_before_its_repeat_joins_it_although_that_has_ended(books):
    sent_at = books.now
    books.now += timedelta(minutes=1)
    (repeat,) = await books.at_once(request("2.2.2", sent_at=books.now))
    await books.end_all()
    books.now += DOUBLE_SUBMIT_WINDOW + timedelta(seconds=1)
    (late,) = await books.at_once(request("1.1.1", sent_at=sent_at))
    (anew,) = await books.at_once(request("3.3.3", sent_at=books.now))

    assert (late.delivery_id, late.is_repeat) == (repeat.delivery_id, True)
    assert not anew.is_repeat, "the late one has not begun the window anew"
    assert await books.counts() == (2, 2)


async def test_a_slow_clock_does_not_end_the_window_early(books):
    sent_at = books.now
    books.now -= timedelta(seconds=30)
    (first,) = await books.at_once(request("1.1.1", sent_at=sent_at))
    await books.end_all()
    books.now += timedelta(seconds=35)
    (again,) = await books.at_once(request("2.2.2", sent_at=books.now))

    assert (again.delivery_id, again.is_repeat) == (first.delivery_id, True)


async def test_many_submits_as_the_window_ends_are_one_new_request(books):
    await books.at_once(request("0.0.0"))
    for number in range(1, 21):
        await books.end_all()
        books.now += DOUBLE_SUBMIT_WINDOW + timedelta(seconds=1)
        stored = await books.at_once(*(request(f"{number}.{twin}") for twin in range(4)))
        assert len({each.delivery_id for each in stored}) == 1
    assert await books.counts() == (21, 21)


async def test_a_request_that_cannot_be_stored_is_never_called_a_repeat(books):
    with pytest.raises(IntegrityError):
        await books.at_once(request(source=None))

    assert await books.counts() == (0, 0)
    assert books.stored == 0


async def test_on_postgresql_a_command_sent_twenty_times_at_once_is_one_recording(
    new_scene, migrated_postgresql
):
    url = migrated_postgresql()
    async with new_scene(database_url=url) as scene:
        acks = await asyncio.gather(
            *(scene.people.command(ALICE, CHANNEL, CALL, trigger_id="9.9.9") for _ in range(20))
        )

        assert sorted(ack.text for ack in acks)[1:] == [ALREADY] * 19
        assert await everything_ended(scene) == 1
