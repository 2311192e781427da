"""Due work: stored with its change, held by one worker at a time, and ended only by that worker."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from bot.store.database import Database
from bot.store.due_work import MUCH_LATER, SUSPECT_FROM, Due, DueWork
from bot.store.enqueue import LARGEST_CLOCK_SKEW, enqueue
from bot.store.tables import DueWorkRow
from tests.conftest import NOON
from tests.statements import plan_of, statements_on

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
KIND = "deliver"


@dataclass
class DueWorkSetup:
    """Some workers with one table and one clock."""

    database: Database
    now: datetime = NOON

    def worker(self, *, skew: timedelta = timedelta(0)) -> DueWork:
        return DueWork(
            database=self.database, clock=lambda: self.now + skew, lease=timedelta(minutes=1)
        )

    async def store(self, *keys: str, due_at: datetime | None = None, joins: bool = False) -> None:
        async with self.database.write() as session:
            for key in keys:
                enqueue(session, KIND, key, now=self.now, due_at=due_at, joins=joins)

    async def rows(self) -> dict[str, DueWorkRow]:
        async with self.database.read() as session:
            return {row.key: row for row in await session.scalars(select(DueWorkRow))}

    async def expire_leases(self) -> None:
        """Make every lease expire, by the database's clock."""
        async with self.database.write() as session:
            await session.execute(
                update(DueWorkRow)
                .where(DueWorkRow.claim.is_not(None))
                .values(lease_ends_at=datetime(2000, 1, 1, tzinfo=NOON.tzinfo))
            )


async def claim(worker: DueWork, limit: int = 10, *, takes_over: bool = True) -> list[Due]:
    return await worker.claim(KIND, limit, takes_over=takes_over)


@pytest.fixture
def setup(database: Database) -> DueWorkSetup:
    return DueWorkSetup(database)


@pytest.fixture
def shared_setup(postgresql_store: Database) -> DueWorkSetup:
    """The same on PostgreSQL, which several workers share."""
    return DueWorkSetup(postgresql_store)


@pytest.fixture
def sqlite_setup(sqlite_store: Database) -> DueWorkSetup:
    """The same on SQLite, which has one worker."""
    return DueWorkSetup(sqlite_store)


async def test_work_is_stored_with_its_transaction_or_not_at_all(setup):
    async def fail(session) -> None:
        enqueue(session, KIND, "d1", now=setup.now)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await setup.database.transact(fail)

    assert await setup.rows() == {}


async def test_a_transaction_that_stored_work_wakes_the_worker_of_its_process_after_the_commit(
    setup,
):
    seen = []
    setup.database.on_work_stored = lambda: seen.append("woken")

    await setup.store("d1", "d2")
    async with setup.database.write():
        pass

    assert seen == ["woken"]
    assert set(await setup.rows()) == {"d1", "d2"}


async def test_due_work_is_claimed_oldest_first_up_to_the_limit(setup):
    await setup.store("late", due_at=setup.now - SECOND)
    await setup.store("later", due_at=setup.now)
    await setup.store("to come", due_at=setup.now + SECOND)
    worker = setup.worker()

    assert await worker.first_due([KIND, "tell"], takes_over=True) == {KIND: setup.now - SECOND}
    assert [each.key for each in await claim(worker, 1)] == ["late"]
    assert [each.key for each in await claim(worker)] == ["later"]
    assert await claim(worker) == []
    assert await worker.first_due([KIND], takes_over=True) == {KIND: setup.now + SECOND}


async def test_a_worker_with_a_slow_clock_sees_work_that_is_due_at_once(setup):
    await setup.store("d1")

    assert len(await claim(setup.worker(skew=-LARGEST_CLOCK_SKEW))) == 1


async def test_periodic_work_stored_by_a_fast_clock_is_made_due_earlier(setup):
    await setup.store("late", "held", due_at=setup.now + DAY)
    await setup.store("in time", due_at=setup.now + MUCH_LATER + MINUTE)
    async with setup.database.write() as session:
        enqueue(session, "digest", "tomorrow", now=setup.now, due_at=setup.now + DAY)
        await session.execute(
            update(DueWorkRow).where(DueWorkRow.key == "held").values(claim="w-1")
        )

    await setup.worker().bring_forward({KIND: MINUTE})

    assert {key: row.due_at - setup.now for key, row in (await setup.rows()).items()} == {
        "late": MINUTE,
        "held": DAY,
        "in time": MUCH_LATER + MINUTE,
        "tomorrow": DAY,
    }


async def test_each_piece_of_work_is_claimed_by_one_of_several_workers(setup):
    await setup.store(*(f"d{number}" for number in range(40)))

    claimed = await asyncio.gather(*(claim(setup.worker()) for _ in range(4)))

    keys = [each.key for some in claimed for each in some]
    assert len(keys) == len(set(keys))


async def test_done_work_is_removed_and_postponed_work_is_due_again_and_counts_its_tries(setup):
    await setup.store("d1", "d2")
    worker = setup.worker()
    done, later = await claim(worker)

    assert await worker.finish(done, None)
    assert await worker.finish(later, setup.now + SECOND)

    rows = await setup.rows()
    assert set(rows) == {later.key}
    assert (rows[later.key].due_at, rows[later.key].tries) == (setup.now + SECOND, 1)
    assert await claim(worker) == []
    setup.now += SECOND
    (again,) = await claim(worker)
    assert (again.key, again.tries, again.was_held) == (later.key, 1, False)


async def test_work_enqueued_while_it_runs_is_run_again(setup):
    await setup.store("d1")
    worker = setup.worker()
    (due,) = await claim(worker)
    await setup.store("d1")

    assert await claim(worker) == []
    assert await worker.finish(due, None)

    assert [each.key for each in await claim(worker)] == ["d1"]


async def test_enqueueing_work_again_does_not_postpone_it(setup):
    await setup.store("d1", due_at=setup.now)
    await setup.store("d1", due_at=setup.now + SECOND)
    assert (await setup.rows())["d1"].due_at == setup.now

    await setup.store("d1", due_at=setup.now - SECOND)

    assert (await setup.rows())["d1"].due_at == setup.now - SECOND


async def test_joining_running_work_does_not_postpone_work_wanted_sooner(setup):
    worker, later = setup.worker(), setup.now + 60 * SECOND
    await setup.store("d1")
    (due,) = await claim(worker)
    await setup.store("d1")
    await setup.store("d1", due_at=later, joins=True)
    await worker.finish(due, None)
    (again,) = await claim(worker)
    await worker.finish(again, later)

    await setup.store("d1", due_at=later + SECOND, joins=True)

    assert (await setup.rows())["d1"].due_at == later


async def test_work_that_joins_ending_work_is_not_lost(setup):
    worker = setup.worker()
    await setup.store("d1")
    (due,) = await claim(worker)
    await setup.store("d1", due_at=setup.now + SECOND, joins=True)

    await worker.finish(due, None)

    assert await claim(worker)


async def test_work_released_by_a_stop_is_due_at_once_for_any_worker(setup):
    await setup.store("d1")
    first = setup.worker()
    held = await claim(first)

    await first.release(held)

    (due,) = await claim(setup.worker())
    assert not due.was_held
    assert not await first.finish(held[0], None)


async def test_a_stop_releases_one_of_several_pieces_claimed_together(setup):
    await setup.store("d1", "d2")
    worker = setup.worker()
    held = {due.key: due for due in await claim(worker)}

    await worker.release([held["d1"]])

    assert [due.key for due in await claim(setup.worker())] == ["d1"]
    assert await worker.finish(held["d2"], None)


async def test_on_sqlite_a_new_worker_releases_the_work_of_its_dead_predecessor(sqlite_setup):
    await sqlite_setup.store("d1")
    await claim(sqlite_setup.worker())
    assert await claim(sqlite_setup.worker()) == []

    assert await sqlite_setup.worker().free_all() == [(KIND, "d1")]

    assert len(await claim(sqlite_setup.worker())) == 1


async def test_work_with_an_expired_lease_is_taken_over_and_its_first_worker_can_change_nothing(
    shared_setup,
):
    await shared_setup.store("d1")
    first, second = shared_setup.worker(), shared_setup.worker()
    (held,) = await claim(first)
    assert (await shared_setup.rows())["d1"].lease_ends_at
    assert await claim(second) == []
    await shared_setup.expire_leases()
    assert await claim(second, takes_over=False) == []

    (taken,) = await claim(second)

    assert taken.was_held
    assert await first.renew({held.claim}) == set()
    assert not await first.finish(held, None)
    assert not await first.finish(held, shared_setup.now)
    await first.release([held])
    assert await claim(first) == []
    assert await second.renew({taken.claim}) == {(KIND, "d1", taken.claim)}
    assert await second.finish(taken, None)


async def test_a_renewed_lease_lasts_whatever_a_machines_clock_says(shared_setup):
    await shared_setup.store("d1")
    holder, fast = shared_setup.worker(), shared_setup.worker(skew=timedelta(hours=1))
    (held,) = await claim(holder)
    assert await claim(fast) == []
    await shared_setup.expire_leases()

    assert await holder.renew({held.claim})

    assert await claim(fast) == []
    assert await holder.finish(held, None)


@pytest.mark.parametrize("act", ["renew", "release"])
async def test_several_rows_are_locked_in_the_order_in_which_work_is_enqueued(shared_setup, act):
    """Otherwise the worker and a transaction that enqueues all of it again could deadlock."""
    worker = shared_setup.worker()
    await shared_setup.store("d1", "d2")
    held = await claim(worker)
    with statements_on(shared_setup.database) as sent:
        await (worker.release(held) if act == "release" else worker.renew({held[0].claim}))

    (update_statement,) = [each for each, _ in sent if each.startswith("UPDATE")]
    assert "ORDER BY due_work.kind, due_work.key FOR UPDATE" in update_statement


async def test_work_claimed_without_the_workers_knowledge_is_free_after_its_lease(shared_setup):
    """The connection broke as the database committed the claim."""
    await shared_setup.store("d1")
    worker = shared_setup.worker()
    await claim(worker)  # and its answer never arrived
    await worker.renew({"another claim of the same worker"})
    await shared_setup.expire_leases()

    assert len(await claim(worker)) == 1


async def test_takeovers_in_a_row_are_counted_until_the_work_ends(shared_setup):
    await shared_setup.store("d1")
    for takeovers in range(3):
        worker = shared_setup.worker()
        (due,) = await claim(worker)
        assert due.takeovers == takeovers
        await shared_setup.expire_leases()
    (due,) = await claim(worker)
    await worker.finish(due, shared_setup.now)
    (due,) = await claim(worker)
    assert (due.takeovers, due.tries) == (0, 1)
    await worker.release([due])
    (due,) = await claim(worker)
    assert due.takeovers == 0, "a stop in good order is no death"


async def test_on_sqlite_each_start_counts_a_takeover_of_work_that_was_running(sqlite_setup):
    await sqlite_setup.store("held")
    await claim(sqlite_setup.worker())
    await sqlite_setup.store("waiting")
    for _ in range(2):
        await sqlite_setup.worker().free_all()
    assert {due.key: due.takeovers for due in await claim(sqlite_setup.worker())} == {
        "held": 1,
        "waiting": 0,
    }


async def test_one_suspect_is_claimed_at_a_time(shared_setup):
    await shared_setup.store("d1", "d2", due_at=shared_setup.now - SECOND)
    for _ in range(SUSPECT_FROM):
        assert len(await claim(shared_setup.worker())) == 2
        await shared_setup.expire_leases()
    await shared_setup.store("d3")
    worker = shared_setup.worker()

    assert {due.key for due in await claim(worker)} in ({"d1", "d3"}, {"d2", "d3"})
    assert await worker.claim(KIND, 10, takes_over=True, suspects=0) == []
    (other,) = await claim(worker)
    assert other.takeovers == SUSPECT_FROM


@pytest.mark.parametrize("in_turn", [False, True])
async def test_suspects_do_not_delay_later_work(sqlite_setup, in_turn):
    await sqlite_setup.store("s1", "s2", "s3", due_at=sqlite_setup.now - SECOND)
    await claim(sqlite_setup.worker())
    for _ in range(SUSPECT_FROM):
        await sqlite_setup.worker().free_all()
        await claim(sqlite_setup.worker())
    await sqlite_setup.worker().free_all()
    await sqlite_setup.store("d1", "d2", "d3", due_at=sqlite_setup.now)
    worker = sqlite_setup.worker()

    async def claimed(limit: int, suspects: int) -> list[str]:
        found = await worker.claim(KIND, limit, takes_over=True, suspects=suspects, in_turn=in_turn)
        return ["suspect" if due.takeovers >= SUSPECT_FROM else due.key for due in found]

    assert await claimed(2, suspects=1) == ["suspect", "d1"]
    assert await claimed(2, suspects=0) == ["d2", "d3"]
    assert await claimed(2, suspects=1) == ["suspect"]


async def test_work_in_turn_is_found_by_an_index_in_its_order(sqlite_setup):
    database = sqlite_setup.database
    await sqlite_setup.store(*(f"d{number}" for number in range(200)))
    with statements_on(database) as sent:
        await sqlite_setup.worker().claim(KIND, 1, takes_over=False, in_turn=True)
    (claiming,) = [each for each in sent if each[0].startswith("SELECT")]
    steps = await plan_of(database, *claiming)

    searches = [each for each in steps if "due_work" in each]
    assert len(searches) == 3, "the next flow, the first one, and the work"
    for each in searches:
        assert "USING INDEX ix_due_work_kind_turn_due_at" in each
    assert not [each for each in steps if "TEMP B-TREE" in each]
