"""Each request is stored once, with its event, however often it is repeated."""

import asyncio
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from bot.access.administration import Actor
from bot.audit.log import AuditFilter, all_events
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.requests.authorization import Requester
from bot.recordings.requests.new_request import NewRequest, delivery_id_of, fingerprint_of
from bot.recordings.requests.request_store import MAX_TOGETHER, RequestStore
from bot.recordings.requests.request_writer import StoredRequest
from bot.store.database import Database
from bot.store.idempotency import DOUBLE_SUBMIT_WINDOW
from bot.store.tables import DeliveryRow, RecentRequestRow
from tests.conftest import NOON
from tests.polling import until
from tests.recordings.requests.builders import changed_request
from tests.statements import statements_on
from tests.tables import each_row

CALL = "CA" + "0123456789abcdef" * 2
ALICE, CHANNEL = "U0ALICE00", "C0QUALITY0"
INSTANT = timedelta(microseconds=1)

REQUEST = NewRequest(
    requester=Requester(Actor("T0CALLAUDIO", None, ALICE), CHANNEL, "111.222.first", None),
    source="command",
    agent_name="default",
    conversation_id=CALL,
    direction=Direction.COMBINED,
    asked_redacted=False,
    channel_id=CHANNEL,
)


def typed_again(**changes) -> NewRequest:
    """Return the same request with another trigger, as Slack sends for each submit."""
    return changed_request(REQUEST, **{"trigger_id": "111.222.second", **changes})


@dataclass
class RequestStoreSetup:
    """A request store with a settable clock, and the number of its calls for a worker."""

    database: Database
    now: datetime = NOON
    calls: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.requests = RequestStore(database=self.database, clock=lambda: self.now)
        self.database.on_work_stored = lambda: self.calls.append(self.now)

    async def store(self, request: NewRequest = REQUEST) -> StoredRequest:
        return await self.requests.store(request)

    async def end(self, stored: StoredRequest, state: str = "delivered") -> None:
        """``taken_back``: it was delivered at noon, and its file was deleted now."""
        row = DeliveryRow
        ended = update(row).where(row.id == stored.delivery_id)
        values = {"state": state, "ended_at": self.now}
        if state == "taken_back":
            values = {"state": "delivered", "ended_at": NOON, "taken_back_at": self.now}
        async with self.database.write() as session:
            await session.execute(ended.values(**values))

    async def rows(self) -> list[DeliveryRow]:
        async with self.database.read() as session:
            return list(await session.scalars(select(DeliveryRow).order_by(DeliveryRow.id)))

    async def tags(self) -> list[tuple[str, str | None]]:
        async with self.database.read() as session:
            events = all_events(session, AuditFilter())
            return [(event.tag, event.delivery_id) async for event in events]


@pytest.fixture
def setup(database) -> RequestStoreSetup:
    return RequestStoreSetup(database)


@pytest.fixture
def sqlite_setup(sqlite_store) -> RequestStoreSetup:
    return RequestStoreSetup(sqlite_store)


async def test_a_request_is_stored_with_its_event_and_a_worker_is_called(setup):
    stored = await setup.store(
        changed_request(
            REQUEST,
            direction=Direction.USER,
            asked_redacted=True,
            thread_ts="1700000000.000100",
            response_url=SecretStr("https://hooks.slack.com/commands/T1/secret"),
        )
    )
    assert not stored.is_repeat
    (row,) = await setup.rows()
    assert row.id == stored.delivery_id
    assert (row.team_id, row.user_id, row.source) == ("T0CALLAUDIO", ALICE, "command")
    assert (row.agent_name, row.conversation_id, row.direction) == ("default", CALL, "user")
    assert (row.origin_channel_id, row.asked_channel_id) == (CHANNEL, CHANNEL)
    assert (row.asked_redacted, row.asked_thread_ts) == (True, "1700000000.000100")
    assert row.response_url == "https://hooks.slack.com/commands/T1/secret"
    assert (row.state, row.requested_at) == ("requested", NOON)
    async with setup.database.read() as session:
        (event,) = [event async for event in all_events(session, AuditFilter())]
    assert (event.tag, event.actor_id) == ("slack:delivery:requested", ALICE)
    assert (event.delivery_id, event.occurred_at) == (stored.delivery_id, NOON)
    assert event.payload == {
        "conversation_id": CALL,
        "agent": "default",
        "kind": "audio",
        "direction": "user",
        "channel_id": CHANNEL,
        "asked_redacted": True,
        "source": "command",
    }
    assert setup.calls == [NOON]


async def test_a_trigger_is_the_same_request_at_any_later_time(setup):
    first = await setup.store()
    setup.now = NOON + timedelta(days=1)
    again = await setup.store()
    assert (again.delivery_id, again.is_repeat) == (first.delivery_id, True)
    assert len(await setup.rows()) == len(await setup.tags()) == len(setup.calls) == 1


async def test_the_same_words_join_an_unfinished_request_at_any_time(setup):
    first = await setup.store()
    setup.now = NOON + timedelta(minutes=12)
    again = await setup.store(typed_again())
    assert again == StoredRequest(first.delivery_id, is_repeat=True)
    assert await setup.store(typed_again(trigger_id="third")) == again
    await setup.end(first)
    assert not (await setup.store(typed_again(trigger_id="fourth"))).is_repeat


async def test_the_same_words_join_a_finished_request_only_within_the_window(setup):
    first = await setup.store()
    await setup.end(first)
    setup.now = NOON + DOUBLE_SUBMIT_WINDOW
    assert await setup.store(typed_again()) == StoredRequest(first.delivery_id, is_repeat=True)
    assert len(await setup.rows()) == len(setup.calls) == 1

    setup.now = NOON + DOUBLE_SUBMIT_WINDOW + INSTANT
    later = await setup.store(typed_again(trigger_id="third"))
    assert not later.is_repeat
    assert later.delivery_id != first.delivery_id
    assert await setup.tags() == [
        ("slack:delivery:requested", first.delivery_id),
        ("slack:delivery:requested", later.delivery_id),
    ]


@pytest.mark.parametrize("state", ["refused", "failed", "taken_back"])
async def test_the_same_words_are_a_new_request_if_nothing_is_left_of_the_first(setup, state):
    first = await setup.store()
    setup.now = NOON + timedelta(seconds=2)
    await setup.end(first, state)
    # Sent before that was known: the second press of Enter.
    assert await setup.store(typed_again()) == StoredRequest(first.delivery_id, is_repeat=True)
    setup.now += INSTANT
    later = await setup.store(typed_again(trigger_id="third"))
    assert not later.is_repeat
    again = StoredRequest(later.delivery_id, is_repeat=True)
    assert await setup.store(typed_again(trigger_id="fourth")) == again
    assert len(await setup.rows()) == 2


async def test_a_request_sent_before_its_repeat_joins_it_although_that_has_ended(setup):
    setup.now = NOON + timedelta(minutes=1)
    repeat = await setup.store(typed_again(sent_at=setup.now))
    await setup.end(repeat)
    setup.now += DOUBLE_SUBMIT_WINDOW + INSTANT
    late = await setup.store(changed_request(REQUEST, sent_at=NOON))
    assert late == StoredRequest(repeat.delivery_id, is_repeat=True)
    anew = await setup.store(typed_again(trigger_id="third", sent_at=setup.now))
    assert not anew.is_repeat, "the late one has not begun the window anew"


async def test_a_slow_clock_does_not_end_the_window_early(setup):
    setup.now = NOON - timedelta(seconds=30)
    first = await setup.store(changed_request(REQUEST, sent_at=NOON))
    await setup.end(first)
    setup.now = NOON + timedelta(seconds=5)
    again = await setup.store(typed_again(sent_at=setup.now))
    assert again == StoredRequest(first.delivery_id, is_repeat=True)


async def test_joining_does_not_extend_the_window(sqlite_setup):
    await sqlite_setup.end(await sqlite_setup.store())
    for second in range(1, 11):
        sqlite_setup.now = NOON + timedelta(seconds=second)
        assert (await sqlite_setup.store(typed_again(trigger_id=f"t{second}"))).is_repeat
    sqlite_setup.now = NOON + timedelta(seconds=10) + INSTANT
    assert not (await sqlite_setup.store(typed_again(trigger_id="t11"))).is_repeat


@pytest.mark.parametrize("requests", [[REQUEST] * 4, [typed_again(trigger_id=n) for n in "abcd"]])
async def test_one_of_many_simultaneous_requests_is_stored_and_the_others_join_it(setup, requests):
    # On PostgreSQL all requests of a trigger find no row; then all but one fail to insert theirs.
    stored = await asyncio.gather(*(setup.store(request) for request in requests))
    assert len({each.delivery_id for each in stored}) == 1
    assert [each.is_repeat for each in stored].count(False) == 1
    assert len(await setup.rows()) == len(await setup.tags()) == len(setup.calls) == 1


ANOTHER = {
    "team_id": "T0OTHERTEAM",
    "user_id": "U0BOB0000",
    "agent_name": "sales",
    "conversation_id": CALL.replace("f", "e"),
    "direction": Direction.AGENT,
    "kind": DeliveryKind.TRANSCRIPT,
    "asked_redacted": True,
    "origin_channel_id": "C0ELSEWHERE",
    "channel_id": "C0ELSEWHERE",
    "thread_ts": "1700000000.000100",
}
# The way of requesting and of answering does not make another request.
DOES_NOT_MATTER = {
    "enterprise_id": "E0ORG",
    "source": "shortcut",
    "trigger_id": "another",
    "response_url": SecretStr("https://hooks.slack.com/commands/T1/another"),
    "sent_at": NOON,
}


def test_every_field_is_listed_as_significant_or_insignificant():
    known = {each.name for kind in (NewRequest, Requester, Actor) for each in fields(kind)}
    parts = {"requester", "actor"}
    assert known - parts == {*ANOTHER, *DOES_NOT_MATTER} - {"origin_channel_id"}


@pytest.mark.parametrize("name", ANOTHER)
async def test_a_request_with_another_significant_field_is_a_new_request(sqlite_setup, name):
    await sqlite_setup.store()
    other = typed_again(**{name: ANOTHER[name]})
    assert fingerprint_of(other) != fingerprint_of(REQUEST)
    assert not (await sqlite_setup.store(other)).is_repeat
    assert len(await sqlite_setup.rows()) == 2


@each_row("name", DOES_NOT_MATTER)
def test_other_fields_do_not_make_a_new_request(name):
    assert fingerprint_of(typed_again(**{name: DOES_NOT_MATTER[name]})) == fingerprint_of(REQUEST)


def test_adjacent_fields_are_not_confused():
    one = typed_again(channel_id="C0AB", agent_name="c")
    other = typed_again(channel_id="C0A", agent_name="Bc")
    assert fingerprint_of(one) != fingerprint_of(other)


def test_a_delivery_id_is_short_and_does_not_reveal_its_trigger():
    delivery_id = delivery_id_of(REQUEST)
    assert delivery_id == delivery_id_of(changed_request(REQUEST, user_id="U0BOB0000"))
    assert delivery_id != delivery_id_of(changed_request(REQUEST, team_id="T0OTHERTEAM"))
    assert delivery_id.startswith("d")
    assert len(delivery_id) == 21
    assert "111" not in delivery_id[1:4]


async def test_another_database_error_is_not_mistaken_for_a_repeat(setup):
    with pytest.raises(IntegrityError):
        await setup.store(typed_again(source=None))
    assert (await setup.rows(), await setup.tags(), setup.calls) == ([], [], [])


async def test_a_request_that_cannot_be_stored_leaves_nothing_and_wakes_no_worker(sqlite_setup):
    async with sqlite_setup.database.write() as session:
        await session.execute(text("ALTER TABLE audit_events RENAME TO elsewhere"))
    with pytest.raises(OperationalError):
        await sqlite_setup.store()
    async with sqlite_setup.database.write() as session:
        await session.execute(text("ALTER TABLE elsewhere RENAME TO audit_events"))
        claims = list(await session.scalars(select(RecentRequestRow)))
    assert (claims, await sqlite_setup.rows(), await sqlite_setup.tags()) == ([], [], [])
    assert sqlite_setup.calls == []
    assert not (await sqlite_setup.store()).is_repeat


async def test_two_processes_that_store_the_same_requests_do_not_deadlock(migrated_postgresql):
    url, broken_off = migrated_postgresql(), []
    desks = [RequestStoreSetup(Database(url)), RequestStoreSetup(Database(url))]
    for setup in desks:

        @event.listens_for(setup.database.engine.sync_engine, "handle_error")
        def _on_error(context) -> None:
            broken_off.append(context.original_exception)

    async def store_all(setup: RequestStoreSetup, numbers: list[int]) -> list[StoredRequest]:
        # Each process stores simultaneous requests in one transaction.
        return await asyncio.gather(
            *(
                setup.store(
                    typed_again(trigger_id=f"{n}.{id(setup)}", conversation_id=f"CA{n:032x}")
                )
                for n in numbers
            )
        )

    for start in range(0, 200, 20):
        numbers = list(range(start, start + 20))
        one, other = await asyncio.gather(
            store_all(desks[0], numbers), store_all(desks[1], numbers[::-1])
        )
        for mine, theirs in zip(one, other[::-1], strict=True):
            assert mine.delivery_id == theirs.delivery_id
            assert mine.is_repeat is not theirs.is_repeat
    assert broken_off == []
    for setup in desks:
        await setup.database.close()


async def test_a_request_is_stored_after_many_cancelled_ones(sqlite_setup):
    requests = [
        typed_again(trigger_id=f"1.{n}", channel_id=f"C{n}") for n in range(3 * MAX_TOGETHER)
    ]
    first, *given_up, last = [asyncio.create_task(sqlite_setup.store(each)) for each in requests]
    await asyncio.sleep(0)
    for each in given_up:
        each.cancel()

    await until(last.done)

    assert not (await first).is_repeat
    assert not (await last).is_repeat
    assert len(await sqlite_setup.rows()) == len(requests)


async def test_simultaneous_requests_take_as_many_statements_as_two(setup):
    async def store(numbers: range) -> int:
        several = [typed_again(trigger_id=f"1.{n}", conversation_id=f"CA{n:032x}") for n in numbers]
        with statements_on(setup.database) as sent:
            found = await setup.requests._writer.write(several)
        assert [each.is_repeat for each in found] == [False] * len(several)
        assert [each.delivery_id for each in found] == [delivery_id_of(each) for each in several]
        return len(sent)

    await store(range(1))  # the first request of a workspace also writes the head of its audit
    assert await store(range(1, 3)) == await store(range(3, 3 + MAX_TOGETHER))
    tags = [tag for _, tag in await setup.tags()]
    assert len(tags) == len(set(tags)) == 3 + MAX_TOGETHER
