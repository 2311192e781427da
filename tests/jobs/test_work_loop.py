"""The loop of a worker: due work is run once, even if the database or the work fails."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from bot.concurrency.in_flight import InFlight
from bot.concurrency.urgency import Urgency, urgency_now
from bot.errors import CallAudioError
from bot.jobs.background import in_background
from bot.jobs.work_kind import MOST_TAKEOVERS, SET_ASIDE, WorkKind
from bot.jobs.work_loop import LEASE, MOST_WAITING, POLL_SECONDS, RENEWALS_A_LEASE, WorkLoop
from bot.store.due_work import SUSPECT_FROM, Due
from tests.conftest import NOON
from tests.polling import DEADLINE_SECONDS, until

AWAY = OperationalError("SELECT", {}, Exception("server closed the connection"))
LOOK_NEVER = 3600.0


class Table:
    """The table of due work of one kind, in memory; it can be unavailable."""

    def __init__(self, *keys: str) -> None:
        self.now = NOON
        self.due: dict[str, datetime] = dict.fromkeys(keys, NOON)
        self.flows: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.held: dict[str, Due] = {}
        self.released: list[str] = []
        self.lost: set[str] = set()
        self.away = 0
        self.looks = 0
        self.may_take_over: list[bool] = []
        self.takeovers: Counter[str] = Counter()
        self.suspects_asked: list[int] = []
        self.brought_forward: list[dict[str, timedelta]] = []
        self._claims = 0

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise AWAY

    async def bring_forward(self, longest_waits: dict[str, timedelta]) -> None:
        self.brought_forward.append(longest_waits)

    async def first_due(self, kinds: list[str], *, takes_over: bool) -> dict[str, datetime]:
        self.looks += 1
        self.may_take_over.append(takes_over)
        self._answer()
        free = [at for key, at in self.due.items() if key not in self.held]
        return {kinds[0]: min(free)} if free and kinds else {}

    async def claim(
        self, kind: str, limit: int, *, suspects: int, passed_over: Collection[int], **_: bool
    ) -> list[Due]:
        self.suspects_asked.append(suspects)
        self._answer()
        free = [
            key
            for key, at in self.due.items()
            if at <= self.now and key not in self.held and self.flows[key] not in passed_over
        ]
        claimed = []
        for key in free[:limit]:
            self._claims += 1
            taken = self.takeovers[key]
            tries, flow = self.tries[key], self.flows[key]
            due = Due(kind, key, tries, str(self._claims), 0, taken > 0, taken, flow=flow)
            self.held[key] = due
            claimed.append(due)
        return claimed

    async def renew(self, claims: set[str]) -> set[tuple[str, str, str]]:
        self._answer()
        return {
            (due.kind, due.key, due.claim)
            for due in self.held.values()
            if due.claim in claims and due.key not in self.lost
        }

    async def finish(self, due: Due, again_at: datetime | None) -> bool:
        self._answer()
        if due.key in self.lost or self.held[due.key].claim != due.claim:
            return False
        del self.held[due.key]
        if again_at is None:
            del self.due[due.key]
        else:
            self.due[due.key] = again_at
            self.tries[due.key] += 1
        return True

    async def release(self, held: list[Due]) -> None:
        self.released += sorted(due.key for due in held)


@asynccontextmanager
async def running(
    table: Table,
    run: Callable[[Due], Awaitable[datetime | None]],
    *,
    at_once: int = 4,
    lease: timedelta = timedelta(hours=1),
    poll_seconds: float = LOOK_NEVER,
    give_way: Callable[[], Awaitable[None]] | None = None,
    **of_kind: Any,
) -> AsyncIterator[WorkLoop]:
    async def sleep(seconds: float) -> None:
        del seconds
        await asyncio.sleep(0)

    loop = WorkLoop(
        due_work=table,
        kinds=[WorkKind("deliver", run, at_once=at_once, urgency=Urgency.DELIVERY, **of_kind)],
        clock=lambda: table.now,
        lease=lease,
        poll_seconds=poll_seconds,
        sleep=sleep,
        give_way=give_way,
    )
    async with in_background(loop.renew()), in_background(loop.run()):
        yield loop
    await loop.stop(drain_seconds=0)


class Runs:
    """Work that records its runs, and waits for its release if it has to."""

    def __init__(self, *results: object, waits: bool = False) -> None:
        self.results = list(results)
        self.ran: list[str] = []
        self.now = self.most = 0
        self.hold = asyncio.Event()
        if not waits:
            self.hold.set()

    async def __call__(self, due: Due) -> datetime | None:
        self.ran.append(due.key)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.hold.wait()
        finally:
            self.now -= 1
        result = self.results.pop(0) if self.results else None
        if isinstance(result, Exception):
            raise result
        return result


async def test_waiting_work_of_slow_agents_leaves_room_for_other_agents():
    slow = [f"{name}{number}" for number in range(40) for name in "st"]
    table, runs = Table(*slow), Runs(waits=True)
    table.flows |= {key: 1 if key.startswith("s") else 2 for key in slow}

    def all_but_one() -> int:
        return max(0, runs.now - 1)

    async with running(
        table, runs, at_once=2, poll_seconds=0.01, waiting=all_but_one, in_turn=True
    ):
        # Each of the two agents, and all others together, may hold a third of eighteen.
        await until(lambda: runs.now == 12)
        table.flows["other"] = 3
        table.due["other"] = table.now

        await until(lambda: "other" in runs.ran)
        runs.hold.set()
        await until(lambda: not table.due)


async def test_all_due_work_is_run_once_with_a_limit_at_a_time():
    table, runs = Table(*(f"d{number}" for number in range(10))), Runs(waits=True)
    async with running(table, runs, at_once=3):
        await until(lambda: runs.now == 3)
        runs.hold.set()
        await until(lambda: not table.due)

    assert sorted(runs.ran) == [f"d{number}" for number in range(10)]
    assert runs.most == 3


async def test_nothing_is_claimed_while_requests_are_in_flight():
    table, runs, requests = Table("d1"), Runs(), InFlight()
    asked = asyncio.Event()

    async def give_way() -> None:
        asked.set()
        await requests.give_way()

    with requests.request():
        async with running(table, runs, give_way=give_way):
            await asked.wait()
            await asyncio.sleep(0.01)
            assert not runs.ran
            assert not table.looks
    async with running(table, runs, give_way=give_way):
        await until(lambda: not table.due)
    assert runs.ran == ["d1"]


async def test_waiting_work_takes_no_slot_and_is_limited():
    table, runs = Table(*(f"d{number:02}" for number in range(50))), Runs(waits=True)
    waits = lambda: max(0, runs.now - 1)  # noqa: E731 - as it is passed in
    async with running(table, runs, at_once=3, poll_seconds=0.01, waiting=waits):
        # One runs. There is room for two more besides the waiting ones, at most eight times three.
        await until(lambda: runs.now == 3 + MOST_WAITING * 3)
        await asyncio.sleep(0.05)
        assert runs.now == 3 + MOST_WAITING * 3
        runs.hold.set()
        await until(lambda: not table.due)


async def test_an_idle_worker_polls_once_per_interval():
    table = Table()
    async with running(table, Runs()):
        await until(lambda: table.looks)
        await asyncio.sleep(0.1)

        assert table.looks == 1


async def test_a_wake_up_is_handled_at_once_and_later_work_runs_when_it_is_due():
    table, runs = Table(), Runs()
    async with running(table, runs) as loop:
        await until(lambda: table.looks)
        table.due = {"now": NOON, "soon": NOON + timedelta(seconds=0.05)}
        loop.wake()
        await until(lambda: runs.ran == ["now"])
        table.now += timedelta(seconds=0.05)

        await until(lambda: runs.ran == ["now", "soon"])


async def test_a_worker_that_is_woken_and_cancelled_at_once_ends():
    """``asyncio.wait_for`` swallows that cancellation until Python 3.12, and a stop hangs."""
    table = Table()
    loop = WorkLoop(
        due_work=table,
        kinds=[],
        clock=lambda: table.now,
        lease=timedelta(hours=1),
        poll_seconds=LOOK_NEVER,
    )
    worker = asyncio.create_task(loop.run())
    await until(lambda: table.looks)
    loop.wake()
    await asyncio.sleep(0)  # the wake is on its way
    worker.cancel()
    ended, _ = await asyncio.wait({worker}, timeout=DEADLINE_SECONDS)
    worker.cancel()

    assert ended


async def test_postponed_work_is_run_again_when_it_is_due():
    table, runs = Table("d1"), Runs(NOON + timedelta(seconds=0.05))
    async with running(table, runs):
        await until(lambda: table.tries["d1"] == 1)
        assert runs.ran == ["d1"]
        table.now += timedelta(seconds=0.05)

        await until(lambda: not table.due)

    assert runs.ran == ["d1", "d1"]


class Busy(CallAudioError):
    code = "busy"
    retryable = True


@pytest.mark.parametrize(
    ("error", "event"), [(Busy(), "work_delayed"), (ZeroDivisionError(), "work_broke")]
)
async def test_failed_work_is_postponed_and_not_lost(error, event):
    table, runs = Table("d1"), Runs(error)
    with capture_logs() as logs:
        async with running(table, runs):
            await until(lambda: table.tries["d1"] == 1)

    assert [each["event"] for each in logs] == [event]
    assert table.due["d1"] > NOON


@pytest.mark.parametrize("longest_wait", [None, timedelta(minutes=1)])
async def test_a_start_makes_only_periodic_work_due_early(longest_wait):
    table = Table()
    async with running(table, Runs(), longest_wait=longest_wait) as loop:
        await until(lambda: table.looks)
        loop.wake()
        await until(lambda: table.looks > 1)

    assert table.brought_forward == ([{"deliver": longest_wait}] if longest_wait else [])


async def test_an_unavailable_database_is_awaited_and_uses_no_try():
    table, runs = Table("d1"), Runs(AWAY, AWAY)
    table.away = 3
    with capture_logs():
        async with running(table, runs) as loop:
            await until(lambda: not table.due and loop.is_running)

    assert runs.ran == ["d1"] * 3
    assert not table.tries


async def test_an_end_is_stored_when_the_database_is_available_again():
    table, runs = Table("d1"), Runs(waits=True)
    with capture_logs():
        async with running(table, runs):
            await until(lambda: runs.ran)
            table.away = 5
            runs.hold.set()
            await until(lambda: not table.due)

    assert runs.ran == ["d1"]


async def test_after_an_outage_no_work_is_taken_over_before_its_lease_can_be_renewed():
    table = Table()
    with capture_logs():
        async with running(table, Runs()) as loop:
            await until(lambda: table.looks)
            table.away = 1
            loop.wake()
            await until(lambda: table.looks >= 3)

    assert table.may_take_over[:3] == [True, True, False]


async def test_work_that_another_worker_took_over_is_cancelled():
    table, runs = Table("d1", "d2"), Runs(waits=True)
    with capture_logs() as logs:
        async with running(table, runs, lease=timedelta(seconds=0.05)):
            await until(lambda: runs.now == 2)
            table.lost = {"d1"}
            await until(lambda: runs.now == 1)
            runs.hold.set()
            await until(lambda: "d2" not in table.due)

    assert [(each["event"], each["key"]) for each in logs] == [("lease_lost", "d1")]
    assert set(table.due) == {"d1"}


async def test_running_work_with_an_expired_lease_is_not_run_twice_in_a_process():
    table, runs = Table("d1"), Runs(waits=True)
    with capture_logs() as logs:
        async with running(table, runs) as loop:
            await until(lambda: runs.now == 1)
            first = table.held.pop("d1")  # it is free for anybody
            loop.wake()
            await until(lambda: "d1" in table.held)
            await until(lambda: logs)
            assert (table.held["d1"].claim != first.claim, runs.ran) == (True, ["d1"])
            runs.hold.set()
            await until(lambda: not table.due)

    assert runs.ran == ["d1"]
    assert [each["event"] for each in logs] == ["work_claimed_again"]


class SlowToAnswer(Table):
    """Stores an end, and answers later; meanwhile others may claim the work."""

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.may_answer = asyncio.Event()

    async def finish(self, due: Due, again_at: datetime | None) -> bool:
        is_stored = await super().finish(due, again_at)
        await self.may_answer.wait()
        return is_stored


async def test_work_that_is_claimed_again_while_its_end_is_being_stored_runs_again():
    table, runs = SlowToAnswer("d1"), Runs(NOON)
    async with running(table, runs) as loop:
        await until(lambda: table.tries["d1"] == 1)
        loop.wake()
        await until(lambda: "d1" in table.held)
        assert runs.ran == ["d1"], "not beside the first run"

        table.may_answer.set()

        await until(lambda: not table.due)
    assert runs.ran == ["d1", "d1"]


async def test_work_interrupted_by_a_stop_is_released():
    table, runs = Table("d1", "d2"), Runs(waits=True)
    async with running(table, runs) as loop:
        await until(lambda: runs.now == 2)
    assert table.released == ["d1", "d2"]
    assert not loop.is_running
    assert set(table.due) == {"d1", "d2"}


async def test_a_stop_waits_for_work_that_ends_soon():
    table, runs = Table("d1"), Runs(waits=True)
    loop = WorkLoop(
        due_work=table, kinds=[WorkKind("deliver", runs, at_once=1)], clock=lambda: table.now
    )
    async with in_background(loop.run()):
        await until(lambda: runs.now == 1)
    asyncio.get_running_loop().call_later(0.05, runs.hold.set)

    await loop.stop(drain_seconds=60)

    assert (table.due, table.released) == ({}, [])


async def test_a_stop_releases_cancelled_work_and_keeps_the_lease_of_work_that_does_not_end():
    table, is_over = Table("soft", "stubborn"), asyncio.Event()

    async def run(due: Due) -> None:
        while not is_over.is_set():
            try:
                await is_over.wait()
            except asyncio.CancelledError:
                if due.key == "soft":
                    raise

    loop = WorkLoop(
        due_work=table, kinds=[WorkKind("deliver", run, at_once=2)], clock=lambda: table.now
    )
    async with in_background(loop.run()):
        await until(lambda: len(table.held) == 2)
    with capture_logs() as logs:
        await loop.stop(drain_seconds=0)

    assert table.released == ["soft"], "nobody runs the other beside this worker"
    assert [(log["released"], log["stuck"]) for log in logs] == [(1, 1)]
    is_over.set()
    await until(lambda: "stubborn" not in table.due)


async def test_a_stop_ends_although_the_database_is_unavailable():
    table, runs = Table("d1"), Runs(waits=True)

    async def release(held: list[Due]) -> None:  # noqa: ARG001 - the table's own
        raise AWAY

    table.release = release
    async with running(table, runs):
        await until(lambda: runs.now == 1)


async def test_work_during_which_workers_died_repeatedly_is_given_up():
    table, runs, given_up = Table("dies", "may"), Runs(), Runs()
    table.takeovers.update({"dies": MOST_TAKEOVERS, "may": MOST_TAKEOVERS - 1})
    async with running(table, runs, give_up=given_up):
        await until(lambda: not table.due)
    assert (runs.ran, given_up.ran) == (["may"], ["dies"])


async def test_work_that_cannot_be_given_up_is_set_aside_after_repeated_deaths():
    table, runs = Table("dies"), Runs()
    table.takeovers["dies"] = MOST_TAKEOVERS
    async with running(table, runs):
        await until(lambda: table.due["dies"] == NOON + SET_ASIDE)
    assert runs.ran == []


async def test_while_one_suspect_runs_no_other_is_claimed():
    table, runs = Table("suspect"), Runs(waits=True)
    table.takeovers["suspect"] = SUSPECT_FROM
    async with running(table, runs) as loop:
        await until(lambda: runs.now == 1)
        table.due["other"] = NOON
        loop.wake()
        await until(lambda: runs.now == 2)
        runs.hold.set()
    assert table.suspects_asked[:2] == [1, 0]


class Gate:
    """Admits the next number at each call, and asks to be called again soon."""

    def __init__(self, *admitted: int) -> None:
        self.admitted = list(admitted)
        self.claimed: list[tuple[int, int]] = []
        self.assigned = 0
        self.again_seconds = 0.01

    async def admit(self, room: int) -> int:
        return min(room, self.admitted.pop(0)) if self.admitted else 0

    def note_claimed(self, admitted: int, claimed: int) -> None:
        self.claimed.append((admitted, claimed))

    def assign_reserved(self) -> None:
        self.assigned += 1


async def test_only_admitted_work_is_claimed_and_the_rest_later():
    table, runs, gate = Table("a", "b", "c"), Runs(), Gate(1, 0, 4)
    async with running(table, runs, admission=gate):
        await until(lambda: sorted(runs.ran) == ["a", "b", "c"])

    assert gate.claimed == [(1, 1), (4, 2)]
    assert gate.assigned == 3


async def test_work_runs_with_the_urgency_of_its_kind():
    seen = []

    async def run(due: Due) -> None:
        del due
        seen.append(urgency_now())

    async with running(Table("a"), run):
        await until(lambda: seen)

    assert seen == [Urgency.DELIVERY]


def test_an_idle_worker_notices_every_outage_that_makes_leases_expire():
    """Otherwise it would take over work whose owner had no time to renew after an outage."""
    shortest = LEASE.total_seconds() * (1 - 1 / RENEWALS_A_LEASE)
    assert shortest > POLL_SECONDS
