"""Stored slots: claimed by the first worker, found again, and ended once."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select

from bot.audit.log import AuditFilter, newest_events
from bot.digests.access_report import access_report
from bot.digests.digest import Digest, DigestKind, PauseCause, RunKey, RunState
from bot.digests.digest_store import DigestStore, DigestUnknown
from bot.digests.due_slots import CatchUp, claim_due_slots
from bot.digests.report import NameCount
from bot.digests.run_store import RunStore
from bot.digests.slot_claims import SETTLED_AFTER, SlotClaims
from bot.digests.timetable_text import timetable_of
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DueWorkRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row
from tests.scenarios.digest_scene import add_digest, read_digest, runs
from tests.scenarios.scene import BOSS, CHANNEL

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class SlotClaimsSetup:
    """Some workers with one store and one clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.claims = SlotClaims(database=database, clock=self.clock)
        self.runs = RunStore(database=database, clock=self.clock)
        self.store = DigestStore(database=database, clock=self.clock)

    def clock(self) -> datetime:
        return self.now

    async def check(self) -> datetime | None:
        """A worker's check of the digest; returns when the next slot is due."""
        due = Due(DueWorkKind.CLAIM_DIGEST_SLOTS, "g1", 0, "claim", 0, was_held=False)
        return await claim_due_slots(self.claims, CatchUp(), due)

    async def to_post(self) -> list[str]:
        """The runs that a worker claimed."""
        async with self.database.read() as session:
            rows = (
                select(DueWorkRow.key)
                .where(DueWorkRow.kind == DueWorkKind.POST_DIGEST)
                .order_by(DueWorkRow.key)
            )
            return list(await session.scalars(rows))

    async def due_checks(self) -> list[str]:
        """The digests that a worker checks for due slots now."""
        row = DueWorkRow
        async with self.database.read() as session:
            due = select(row.key).where(
                row.kind == DueWorkKind.CLAIM_DIGEST_SLOTS, row.due_at <= self.now
            )
            return list(await session.scalars(due))

    async def work_is_done(self) -> None:
        """Forget the work that is due."""
        async with self.database.write() as session:
            await session.execute(delete(DueWorkRow))

    async def digest(self, timetable: str = "09:00") -> Digest:
        return await add_digest(self.database, timetable=timetable, clock=self.clock)

    async def tags(self) -> list[str]:
        async with self.database.read() as session:
            return [event.tag for event in await newest_events(session, AuditFilter(), 100)]


@pytest.fixture
def setup(database: Database) -> SlotClaimsSetup:
    return SlotClaimsSetup(database)


async def test_one_of_several_workers_claims_the_slot(setup):
    await setup.digest()
    setup.now = NOON + DAY

    await asyncio.gather(*(setup.check() for _ in range(4)))

    assert await setup.to_post() == ["digest:g1:2026-06-04T09:00"]
    (run,) = await runs(setup.database)
    assert (run.state, run.due_at) == ("claimed", NOON + DAY - 3 * HOUR)
    assert run.covered_since == NOON - 3 * HOUR


async def test_a_delivery_stored_just_after_a_slot_is_counted_in_the_report_on_access(setup):
    digest = await add_digest(
        setup.database, timetable="09:00", kind=DigestKind.ACCESS, clock=setup.clock
    )
    due_at = NOON + DAY - 3 * HOUR
    (slot,) = timetable_of(digest).slots([due_at])
    work = DueWork(database=setup.database, clock=setup.clock, lease=HOUR)
    setup.now = due_at
    await setup.check()
    assert await work.claim(DueWorkKind.POST_DIGEST, 1, takes_over=False) == []

    setup.now += SETTLED_AFTER - timedelta(seconds=1)
    ended_at = due_at - timedelta(milliseconds=1)
    row = delivery_row("d1", CHANNEL, team_id=digest.team_id, user_id=BOSS, ended_at=ended_at)
    async with setup.database.write() as session:
        session.add(row)
    assert await work.claim(DueWorkKind.POST_DIGEST, 1, takes_over=False) == []
    setup.now += timedelta(seconds=1)

    assert len(await work.claim(DueWorkKind.POST_DIGEST, 1, takes_over=False)) == 1
    report = await access_report(setup.database, digest, slot.period)
    assert report.outcomes == (NameCount("raw", 1),)


async def test_a_post_on_request_does_not_wait_for_late_commits(setup):
    digest = await add_digest(setup.database, kind=DigestKind.ACCESS, clock=setup.clock)
    slot = timetable_of(digest).slot_on_request(setup.now)
    await setup.claims.ask(digest, slot, BOSS)

    work = DueWork(database=setup.database, clock=setup.clock, lease=HOUR)
    assert len(await work.claim(DueWorkKind.POST_DIGEST, 1, takes_over=False)) == 1


async def test_a_check_returns_the_next_slot_and_a_second_check_changes_nothing(setup):
    await setup.digest()
    setup.now = NOON + DAY

    assert [await setup.check() for _ in range(3)] == [NOON + 2 * DAY - 3 * HOUR] * 3
    assert len(await setup.to_post()) == 1


async def test_after_an_outage_the_newest_slot_is_claimed_and_older_ones_are_skipped(setup):
    await setup.digest()
    setup.now = NOON + 4 * DAY

    await setup.check()
    await setup.check()

    found = [(run.slot_local, run.state) for run in await runs(setup.database)]
    assert found == [
        ("2026-06-04T09:00", "skipped"),
        ("2026-06-05T09:00", "skipped"),
        ("2026-06-06T09:00", "skipped"),
        ("2026-06-07T09:00", "claimed"),
    ]
    assert await setup.to_post() == ["digest:g1:2026-06-07T09:00"]
    assert await setup.tags() == ["admin:digest:added", "worker:digest:skipped"]
    run = await setup.runs.read(RunKey("g1", "2026-06-07T09:00"))
    assert await setup.runs.missed_before(run) == tuple(local for local, _ in found[:3])


async def test_a_slot_of_yesterday_evening_is_skipped_at_noon(setup):
    await setup.digest("20:00")
    setup.now = NOON + DAY

    await setup.check()

    assert await setup.to_post() == []
    assert [run.state for run in await runs(setup.database)] == ["skipped"]


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "paused"])
async def test_nothing_is_claimed_for_a_digest_that_changed_meanwhile(setup, is_removed):
    digest = await setup.digest()
    (slot,) = timetable_of(digest).slots([NOON + DAY - 3 * HOUR])
    if is_removed:
        await setup.store.remove(digest, "U0BOSS000")
    else:
        await setup.store.pause(digest, "U0BOSS000")

    assert await setup.claims.claim(digest, [slot], []) == []
    assert await setup.check() is None
    assert await runs(setup.database) == []


async def test_a_slot_that_is_due_while_the_channel_gets_another_id_is_claimed(setup):
    digest = await setup.digest()
    await setup.work_is_done()
    setup.now = NOON + DAY
    (slot,) = timetable_of(digest).slots([NOON + DAY - 3 * HOUR])
    await setup.store.follow(digest.team_id, digest.channel_id, "C0MOVED000")

    assert await setup.claims.claim(digest, [slot], []) == []
    assert await setup.due_checks() == ["g1"]


async def test_slots_of_a_pause_are_not_posted_later(setup):
    digest = await setup.digest()
    await setup.store.pause(digest, "U0BOSS000")
    setup.now = NOON + 2 * DAY
    await setup.store.resume(digest, "U0BOSS000")
    await setup.store.resume(digest, "U0BOSS000")

    assert await setup.check() == NOON + 3 * DAY - 3 * HOUR
    assert await setup.to_post() == []
    assert await setup.tags() == [
        "admin:digest:added",
        "admin:digest:paused",
        "admin:digest:resumed",
    ]


async def test_digests_are_paused_when_the_workspace_removes_the_app(setup):
    digest = await setup.digest()
    assert await setup.store.pause_all("T0ELSEWHERE") == 0
    assert await setup.store.pause_all(digest.team_id) == 1
    assert await setup.store.pause_all(digest.team_id) == 0

    paused = await setup.store.read(digest.id)
    assert paused.paused_because == PauseCause.REMOVED
    assert paused.revision == digest.revision + 1
    setup.now = NOON + DAY
    assert await setup.check() is None
    assert await setup.tags() == ["admin:digest:added", "worker:digest:suspended"]


async def test_a_post_on_request_does_not_change_the_slots(setup):
    digest = await setup.digest()
    setup.now = NOON + DAY
    for _ in range(2):  # the same moment twice
        await run_on_request(setup, digest)

    await setup.check()

    assert await setup.to_post() == ["digest:g1:2026-06-04T09:00", "digest:g1:2026-06-04T12:00:00"]
    assert (await setup.tags()).count("admin:digest:asked") == 1


@dataclass(frozen=True)
class Repeat:
    """A second request for a post, and the number of posts requested then."""

    id: str
    posts: int
    arrives_after: float
    sent_after: float | None = None
    first_ended: RunState | None = RunState.POSTED


@pytest.mark.parametrize(
    "repeat",
    [
        Repeat("pressed twice: the same post", 1, arrives_after=9),
        Repeat("after the window: another post", 2, arrives_after=11),
        Repeat("sent in the window, read a minute later: the same post", 1, 60, sent_after=9),
        Repeat("sent before the first, read a minute later: the same post", 1, 60, sent_after=-9),
        Repeat("sent after the window: another post", 2, 60, sent_after=11),
        Repeat("while the first is under way: the same post", 1, 60, first_ended=None),
        Repeat("the first failed: another post", 2, 9, first_ended=RunState.FAILED),
    ],
    ids=lambda repeat: repeat.id,
)
async def test_a_repeated_request_joins_the_post_of_the_first(setup, repeat):
    digest = await setup.digest()
    first_at = setup.now
    await run_on_request(setup, digest)
    (row,) = await runs(setup.database)
    run = await setup.runs.read(RunKey(row.digest_id, row.slot_local))
    if repeat.first_ended is RunState.POSTED:
        await setup.runs.posted(run, "1.0")
    elif repeat.first_ended:
        await setup.runs.fail(run, "late")

    setup.now = first_at + timedelta(seconds=repeat.arrives_after)
    sent_at = repeat.sent_after
    await run_on_request(
        setup, digest, None if sent_at is None else first_at + timedelta(seconds=sent_at)
    )

    assert len(await runs(setup.database)) == repeat.posts
    assert (await setup.tags()).count("admin:digest:asked") == repeat.posts


async def run_on_request(
    setup: SlotClaimsSetup, digest: Digest, sent_at: datetime | None = None
) -> None:
    slot = timetable_of(digest).slot_on_request(setup.now)
    await setup.claims.ask(digest, slot, "U0BOSS000", sent_at=sent_at)


async def test_a_run_ends_once_and_its_event_is_written_once(setup):
    await setup.digest()
    setup.now = NOON + DAY
    await setup.check()
    run = await setup.runs.read(RunKey("g1", "2026-06-04T09:00"))
    for _ in range(2):
        await setup.runs.posted(run, "1.0")
    await setup.runs.fail(run, "late")

    (row,) = await runs(setup.database)
    assert (row.state, row.ts, row.note) == ("posted", "1.0", None)
    assert (await setup.tags())[1:] == ["worker:digest:posted"]


async def test_one_of_two_runs_that_miss_the_channel_pauses_the_digest(setup):
    digest = await setup.digest()
    claims = timetable_of(digest).slots([NOON + days * DAY - 3 * HOUR for days in (1, 2)])
    keys = await setup.claims.claim(digest, claims, [])
    found = [await setup.runs.read(key) for key in keys]

    for run in (*found, *found):
        await setup.runs.suspend(run, PauseCause.ARCHIVED)

    assert [run.state for run in await runs(setup.database)] == ["suspended", "skipped"]
    assert (await read_digest(setup.database)).paused_because == "archived"
    assert (await setup.tags())[1:] == ["worker:digest:suspended", "worker:digest:skipped"]


async def test_a_run_that_another_worker_ended_pauses_nothing(setup):
    digest = await setup.digest()
    (slot,) = timetable_of(digest).slots([NOON + DAY - 3 * HOUR])
    (key,) = await setup.claims.claim(digest, [slot], [])
    run = await setup.runs.read(key)
    assert run
    await setup.runs.posted(run, "1780477200.000100")
    await setup.work_is_done()

    await setup.runs.suspend(run, PauseCause.UNSEEN)

    assert (await read_digest(setup.database)).paused_because is None
    assert (await setup.tags())[1:] == ["worker:digest:posted"]
    async with setup.database.read() as session:
        assert list(await session.scalars(select(DueWorkRow.kind))) == []


async def test_old_runs_are_removed_except_the_newest_and_claimed_ones(setup):
    digest = await setup.digest()
    slots = timetable_of(digest).slots([NOON + days * DAY - 3 * HOUR for days in (1, 2, 3)])
    await setup.claims.claim(digest, [slots[0]], slots[1:])
    setup.now = NOON + 100 * DAY

    assert await setup.claims.forget_older(90 * DAY) == 1
    left = [run.slot_local for run in await runs(setup.database)]
    assert left == ["2026-06-04T09:00", "2026-06-06T09:00"]


async def test_a_change_of_a_digest_schedules_a_check_and_a_pause_notifies_the_owner(setup):
    async def due(kind: str) -> list[tuple[str, int]]:
        async with setup.database.read() as session:
            rows = await session.scalars(select(DueWorkRow).where(DueWorkRow.kind == kind))
            return [(row.key, row.revision) for row in rows]

    digest = await setup.digest()
    assert await due(DueWorkKind.CLAIM_DIGEST_SLOTS) == [("g1", 0)]
    await setup.store.pause(digest, "U0BOSS000")
    await setup.store.resume(digest, "U0BOSS000")
    assert await due(DueWorkKind.CLAIM_DIGEST_SLOTS) == [("g1", 2)]
    setup.now = NOON + DAY
    await setup.check()
    run = await setup.runs.read(RunKey("g1", "2026-06-04T09:00"))

    await setup.runs.suspend(run, PauseCause.ARCHIVED)

    assert await due(DueWorkKind.NOTIFY_DIGEST_OWNER) == [("digest:g1:2026-06-04T09:00", 0)]


async def test_the_same_draft_twice_is_one_digest_and_another_workspace_does_not_see_it(setup):
    digest = await setup.digest()
    assert await setup.digest() == digest

    assert await setup.store.list() == (digest,)
    assert await setup.store.list("T0OTHER00") == ()
    with pytest.raises(DigestUnknown):
        await setup.store.read("g1", "T0OTHER00")
    assert await setup.tags() == ["admin:digest:added"]
