"""Deliveries are served in turn, and no person has more unfinished ones than allowed."""

import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import delete, select, update

from bot.audit.log import AuditFilter, newest_events
from bot.recordings.requests.fair_queue import FairQueue, TooManyWaiting, flow_of
from bot.recordings.requests.new_request import NewRequest
from bot.recordings.requests.request_store import RequestStore
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import Turn, first_of
from bot.store.tables import DeliveryRow, DueWorkRow
from tests.conftest import NOON
from tests.recordings.requests.builders import changed_request
from tests.recordings.requests.test_request_store import REQUEST
from tests.tables import each_row

NUMBERS = count()
TEAM = REQUEST.requester.actor.team_id
FLOW = 7


@dataclass
class Queue:
    """People who make requests, and one worker that claims due work; no real time passes."""

    database: Database
    max_waiting: int = 10_000
    people: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = NOON
        self.worker = DueWork(
            database=self.database, clock=lambda: self.now, lease=timedelta(minutes=1)
        )

    async def ask(
        self, person: str, times: int = 1, *, team: str = TEAM, agent: str = "default"
    ) -> list[str]:
        store = RequestStore(
            database=self.database, clock=lambda: self.now, max_waiting=self.max_waiting
        )
        asked = [request_of(person, next(NUMBERS), team=team, agent=agent) for _ in range(times)]
        ids = []
        for at in range(0, times, 50):
            found = await store._writer.write(asked[at : at + 50])
            ids += [each.delivery_id for each in found if not isinstance(each, TooManyWaiting)]
        self.people |= dict.fromkeys(ids, person)
        return ids

    async def take(self, limit: int = 1) -> list[Due]:
        return await self.worker.claim(DueWorkKind.DELIVER, limit, takes_over=False, in_turn=True)

    async def served(self, times: int, at_once: int = 1) -> list[str]:
        """Serve this number, a few at a time; returns the requesters in order."""
        seen = []
        for _ in range(times):
            taken = await self.take(at_once)
            seen += [self.people[each.key] for each in taken]
            for each in taken:
                await self.worker.finish(each, None)
        return seen


def request_of(person: str, number: int, *, team: str = TEAM, agent: str = "default") -> NewRequest:
    return changed_request(
        REQUEST,
        trigger_id=f"1.{number}",
        conversation_id=f"CA{number:032x}",
        user_id=person,
        team_id=team,
        agent_name=agent,
    )


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


@each_row(
    ("opens", "last", "turn"),
    [
        pytest.param(0, None, 0, id="nobody waits"),
        pytest.param(7, None, 7, id="others wait: in the next round"),
        pytest.param(7, 3, 7, id="their last one is long served"),
        pytest.param(7, 12, 13, id="they have some waiting: one round later"),
        pytest.param(7, 7, 8, id="they have one in that round"),
    ],
)
def test_each_new_request_has_its_round(opens, last, turn):
    queue = FairQueue({FLOW: opens}, {} if last is None else {("me", FLOW): last}, {})

    assert queue.take("me", FLOW) == Turn("me", FLOW, turn)
    assert queue.take("me", FLOW) == Turn("me", FLOW, turn + 1)


async def test_one_request_behind_five_hundred_of_another_person_is_served_next(queue):
    await queue.ask("U0MANY000", 100)
    assert await queue.served(3) == ["U0MANY000"] * 3

    await queue.ask("U0ONE0000")

    assert "U0ONE0000" in await queue.served(3)


async def test_each_waiting_person_is_served_once_in_every_round(queue):
    await queue.ask("U0A", 6)
    await queue.ask("U0B", 3)
    await queue.ask("U0C", 2)

    served = await queue.served(11)

    everybody = Counter(["U0A", "U0B", "U0C"])
    assert served[0] == "U0A"
    assert [Counter(served[at : at + 3]) for at in (1, 4)] == [everybody, everybody]
    assert Counter(served[7:9]) == Counter(["U0A", "U0B"])
    assert served[9:] == ["U0A"] * 2


@each_row(
    ("many", "one"),
    [
        pytest.param({"team": "T0MANY"}, {"team": "T0ONE"}, id="of another workspace"),
        pytest.param({"agent": "sales"}, {"agent": "care"}, id="of another agent"),
        pytest.param(
            {"agent": "downgrade"}, {"agent": "care"}, id="with automatic ones in another flow"
        ),
    ],
)
@pytest.mark.parametrize("at_once", [1, 8])
async def test_one_person_is_served_within_two_claims_while_many_wait_in_another_flow(
    queue, many, one, at_once
):
    for number in range(20):
        await queue.ask(f"U0PERSON{number:02}", 3, **many)
    await queue.served(3, at_once)

    await queue.ask("U0ONE0000", **one)

    assert "U0ONE0000" in await queue.served(2, at_once)


async def test_a_workspace_with_one_person_gets_as_many_turns_as_one_with_many(queue):
    for number in range(20):
        await queue.ask(f"U0PERSON{number:02}", 5, team="T0MANY")
    await queue.ask("U0ONE0000", 10, team="T0ONE")

    served = await queue.served(20)

    assert served.count("U0ONE0000") == 10
    assert max(Counter(served).values()) == 10, "and in the other one nobody is served twice"


@pytest.mark.parametrize("is_before", [True, False], ids=["before it", "after it"])
async def test_a_flow_that_nearly_fills_each_claim_leaves_half_of_the_claims_to_a_waiting_flow(
    queue, is_before
):
    teams = sorted(("T0ONE", "T0TWO"), key=lambda team: flow_of(team, "default"))
    busy, many = teams if is_before else reversed(teams)
    await queue.ask("U0MANY000", 60, team=many)
    served: list[str] = []
    waiting = 0
    for _ in range(6):
        await queue.ask("U0BUSY000", 7 - waiting, team=busy)
        taken = await queue.served(1, at_once=8)
        waiting = 7 - taken.count("U0BUSY000")
        served += taken

    assert served.count("U0MANY000") >= 24
    assert served.count("U0BUSY000") >= 14


async def test_a_flow_without_a_turn_keeps_its_work_for_later(queue):
    await queue.ask("U0A", 3, agent="sales")
    await queue.ask("U0B", 2, agent="care")
    sales = flow_of(TEAM, "sales")

    taken = await queue.worker.claim(
        DueWorkKind.DELIVER, 9, takes_over=False, in_turn=True, passed_over=[sales]
    )
    assert [queue.people[each.key] for each in taken] == ["U0B", "U0B"]
    assert await queue.served(1, at_once=9) == ["U0A"] * 3


async def test_work_stored_by_a_version_without_flows_is_served_in_turn(queue):
    before = await queue.ask("U0OLD", 4)
    async with queue.database.write() as session:
        rounds = DueWorkRow.turn - first_of(flow_of(TEAM, "default"))
        await session.execute(update(DueWorkRow).values(turn=rounds))
    await queue.ask("U0NEW", 4)
    await queue.ask("U0OLD", 1)

    served = await queue.served(9)

    assert set(served[:2]) == {"U0OLD", "U0NEW"}
    assert Counter(served) == {"U0OLD": len(before) + 1, "U0NEW": 4}


async def test_people_who_arrive_later_do_not_delay_those_who_wait(queue):
    await queue.ask("U0MANY000", 5)
    served = []
    for number in range(10):
        await queue.ask(f"U0PERSON{number}")
        served += await queue.served(1)

    assert served.count("U0MANY000") >= 4


async def test_postponed_work_is_first_in_its_round(queue):
    await queue.ask("U0A")
    (due,) = await queue.take()
    await queue.ask("U0B", 2)
    await queue.worker.finish(due, queue.now + timedelta(seconds=5))
    await queue.ask("U0C")
    queue.now += timedelta(seconds=5)

    assert await queue.served(1) == ["U0A"]


async def test_requests_of_a_person_are_served_in_the_order_of_their_arrival(queue):
    asked = await queue.ask("U0A", 60)

    taken = await queue.take(100)

    assert [each.key for each in taken] == asked


async def test_a_request_beyond_the_limit_is_refused_with_the_number_and_the_time_to_try_again(
    queue,
):
    queue.max_waiting = 20
    assert len(await queue.ask("U0MANY000", 25)) == 20
    assert len(await queue.ask("U0B")) == 1
    book = RequestStore(database=queue.database, clock=lambda: queue.now, max_waiting=20)
    one_more = request_of("U0MANY000", next(NUMBERS))

    with pytest.raises(TooManyWaiting) as refused:
        await book.store(one_more)

    assert "20 recordings for you are on their way" in refused.value.what
    assert "I did not take this one" in refused.value.what
    assert "people who wait now: 2" in refused.value.likely_cause
    assert "in about a minute" in refused.value.fix
    async with queue.database.read() as session:
        assert len(list(await session.scalars(select(DeliveryRow.id)))) == 21
        refusals = [
            event
            for event in await newest_events(session, AuditFilter(), 100)
            if event.tag == "slack:request:refused"
        ]
    assert [(event.actor_id, event.payload["code"]) for event in refusals] == [
        ("U0MANY000", "too_many_waiting")
    ] * 6
    # A finished delivery makes room, and the same words are then a new request.
    (first, *_) = [each for each in await queue.take(2) if queue.people[each.key] == "U0MANY000"]
    async with queue.database.write() as session:
        await session.execute(delete(DueWorkRow).where(DueWorkRow.key == first.key))
    stored = await book.store(replace_trigger(one_more))
    assert not stored.is_repeat


async def test_a_repeated_request_joins_its_first_one_and_is_not_counted(queue):
    queue.max_waiting = 1
    book = RequestStore(database=queue.database, clock=lambda: queue.now, max_waiting=1)
    asked = request_of("U0A", next(NUMBERS))
    first = await book.store(asked)

    assert (await book.store(replace_trigger(asked))).delivery_id == first.delivery_id


async def test_an_ended_delivery_whose_note_is_due_does_not_count(queue):
    queue.max_waiting = 1
    await queue.ask("U0A")
    async with queue.database.write() as session:
        row = (await session.scalars(select(DeliveryRow))).one()
        row.ended_at = queue.now

    assert len(await queue.ask("U0A")) == 1


@each_row(
    ("people", "when"), [(1, "a minute"), (25, "a minute"), (26, "2 minutes"), (100, "4 minutes")]
)
def test_the_time_to_try_again_grows_with_the_number_of_waiting_people(people, when):
    assert f"in about {when}:" in TooManyWaiting.among(people, most=20).fix


def replace_trigger(request: NewRequest) -> NewRequest:
    return changed_request(request, trigger_id=f"2.{next(NUMBERS)}")


@pytest.mark.long
async def test_a_new_requester_behind_two_thousand_requests_is_next_and_memory_stays_bounded(queue):
    """Half of them are one person's; only the queue's memory is measured."""
    await queue.ask("U0MANY000", 1000)
    for number in range(50):
        await queue.ask(f"U0PERSON{number:02}", 20)
    assert "U0MANY000" in await queue.served(60)
    tracemalloc.start()
    await queue.ask("U0ONE0000")
    served = await queue.served(102)  # two rounds of fifty-one people
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "U0ONE0000" in served
    assert max(Counter(served).values()) <= 3, "nobody has more than one in a round"
    assert peak_bytes < 4 * 2**20
