"""Stored slots: claimed by the first worker, found again, and ended once."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select

from bot.audit.log import AuditFilter, newest_events
from bot.digests.access_report import access_report
from bot.digests.digest import Digest, DigestKind, PauseCause, Run, RunKey, RunState
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
FIRST = NOON + DAY - 3 * HOUR
"""The first slot of a digest at 09:00 that was stored at noon."""


class SlotClaimsSetup:
    """Some workers with one store and one clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.claims = SlotClaims(database=database, clock=self.clock)
        self.runs = RunStore(database=database, clock=self.clock)
        self.store = DigestStore(database=database, clock=self.clock)
        self.work = DueWork(database=database, clock=self.clock, lease=HOUR)

    def clock(self) -> datetime:
        return self.now

    async def check(self) -> datetime | None:
        """A worker's check of the digest; returns when the next slot is due."""
        due = Due(DueWorkKind.CLAIM_DIGEST_SLOTS, "g1", 0, "claim", 0, was_held=False)
        return await claim_due_slots(self.claims, CatchUp(), due)

    async def due(self, kind: DueWorkKind) -> list[str]:
        """The keys of all due work of a kind."""
        keys = select(DueWorkRow.key).where(DueWorkRow.kind == kind)
        async with self.database.read() as session:
            return list(await session.scalars(keys.order_by(DueWorkRow.key)))

    async def to_post(self) -> list[str]:
        """The runs that a worker claimed."""
        return await self.due(DueWorkKind.POST_DIGEST)

    async def is_post_due(self) -> bool:
        """Whether a worker may post a slot now; claims its work."""
        return bool(await self.work.claim(DueWorkKind.POST_DIGEST, 1, takes_over=False))

    async def work_is_done(self) -> None:
        """Forget the work that is due."""
        async with self.database.write() as session:
            await session.execute(delete(DueWorkRow))

    async def digest(self, timetable: str = "09:00", **changes) -> Digest:
        return await add_digest(self.database, timetable=timetable, clock=self.clock, **changes)

    async def claimed(self, digest: Digest, days: int = 1) -> list[Run]:
        """Claim the first slots of a digest, one a day."""
        slots = timetable_of(digest).slots([FIRST + each * DAY for each in range(days)])
        keys = await self.claims.claim(digest, slots, [])
        return [run for key in keys if (run := await self.runs.read(key))]

    async def run_on_request(self, digest: Digest, sent_at: datetime | None = None) -> None:
        slot = timetable_of(digest).slot_on_request(self.now)
        await self.claims.ask(digest, slot, BOSS, sent_at=sent_at)

    async def states(self) -> dict[str, str]:
        return {run.slot_local: run.state for run in await runs(self.database)}

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
    assert (run.state, run.due_at) == ("claimed", FIRST)
    assert run.covered_since == FIRST - DAY


async def test_a_delivery_stored_just_after_a_slot_is_counted_in_the_report_on_access(setup):
    digest = await setup.digest(kind=DigestKind.ACCESS)
    (slot,) = timetable_of(digest).slots([FIRST])
    setup.now = FIRST
    await setup.check()
    assert not await setup.is_post_due()

    setup.now += SETTLED_AFTER - timedelta(seconds=1)
    ended_at = FIRST - timedelta(milliseconds=1)
    row = delivery_row("d1", CHANNEL, team_id=digest.team_id, user_id=BOSS, ended_at=ended_at)
    async with setup.database.write() as session:
        session.add(row)
    assert not await setup.is_post_due()
    setup.now += timedelta(seconds=1)

    assert await setup.is_post_due()
    report = await access_report(setup.database, digest, slot.period)
    assert report.outcomes == (NameCount("raw", 1),)


async def test_a_post_on_request_does_not_wait_for_late_commits(setup):
    await setup.run_on_request(await setup.digest(kind=DigestKind.ACCESS))
    assert await setup.is_post_due()


async def test_a_check_returns_the_next_slot_and_a_second_check_changes_nothing(setup):
    await setup.digest()
    setup.now = NOON + DAY

    assert [await setup.check() for _ in range(3)] == [FIRST + DAY] * 3
    assert len(await setup.to_post()) == 1


async def test_after_an_outage_the_newest_slot_is_claimed_and_older_ones_are_skipped(setup):
    await setup.digest()
    setup.now = NOON + 4 * DAY

    await setup.check()
    await setup.check()

    *older, newest = states = await setup.states()
    assert states == {
        "2026-06-04T09:00": "skipped",
        "2026-06-05T09:00": "skipped",
        "2026-06-06T09:00": "skipped",
        "2026-06-07T09:00": "claimed",
    }
    assert await setup.to_post() == ["digest:g1:2026-06-07T09:00"]
    assert await setup.tags() == ["admin:digest:added", "worker:digest:skipped"]
    run = await setup.runs.read(RunKey("g1", newest))
    assert await setup.runs.missed_before(run) == tuple(older)


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "paused"])
async def test_nothing_is_claimed_for_a_digest_that_changed_meanwhile(setup, is_removed):
    digest = await setup.digest()
    await (setup.store.remove if is_removed else setup.store.pause)(digest, BOSS)

    assert await setup.claimed(digest) == []
    assert await setup.check() is None
    assert await setup.states() == {}


async def test_a_slot_that_is_due_while_the_channel_gets_another_id_is_claimed(setup):
    digest = await setup.digest()
    await setup.work_is_done()
    await setup.store.follow(digest.team_id, digest.channel_id, "C0MOVED000")

    assert await setup.claimed(digest) == []
    assert await setup.due(DueWorkKind.CLAIM_DIGEST_SLOTS) == ["g1"]


async def test_slots_of_a_pause_are_not_posted_later(setup):
    digest = await setup.digest()
    await setup.store.pause(digest, BOSS)
    setup.now = NOON + 2 * DAY
    for _ in range(2):
        await setup.store.resume(digest, BOSS)

    assert await setup.check() == FIRST + 2 * DAY
    assert await setup.to_post() == []
    changes = ("added", "paused", "resumed")
    assert await setup.tags() == [f"admin:digest:{change}" for change in changes]


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
        await setup.run_on_request(digest)

    await setup.check()

    assert await setup.to_post() == ["digest:g1:2026-06-04T09:00", "digest:g1:2026-06-04T12:00:00"]
    assert (await setup.tags()).count("admin:digest:asked") == 1


POSTED, FAILED = RunState.POSTED, RunState.FAILED


@pytest.mark.parametrize(
    ("first_ended", "arrives_after", "sent_after", "posts"),
    [
        pytest.param(POSTED, 9, None, 1, id="pressed twice: the same post"),
        pytest.param(POSTED, 11, None, 2, id="after the window: another post"),
        pytest.param(POSTED, 60, 9, 1, id="sent in the window, read later: the same post"),
        pytest.param(POSTED, 60, -9, 1, id="sent before the first, read later: the same post"),
        pytest.param(POSTED, 60, 11, 2, id="sent after the window: another post"),
        pytest.param(None, 60, None, 1, id="while the first is under way: the same post"),
        pytest.param(FAILED, 9, None, 2, id="the first failed: another post"),
    ],
)
async def test_a_repeated_request_joins_the_post_of_the_first(
    setup, first_ended, arrives_after, sent_after, posts
):
    digest = await setup.digest()
    await setup.run_on_request(digest)
    (row,) = await runs(setup.database)
    run = await setup.runs.read(RunKey(row.digest_id, row.slot_local))
    if first_ended is POSTED:
        await setup.runs.posted(run, "1.0")
    elif first_ended:
        await setup.runs.fail(run, "late")

    setup.now = NOON + timedelta(seconds=arrives_after)
    sent_at = None if sent_after is None else NOON + timedelta(seconds=sent_after)
    await setup.run_on_request(digest, sent_at)

    assert len(await setup.states()) == posts
    assert (await setup.tags()).count("admin:digest:asked") == posts


async def test_a_run_ends_once_and_its_event_is_written_once(setup):
    (run,) = await setup.claimed(await setup.digest())
    for _ in range(2):
        await setup.runs.posted(run, "1.0")
    await setup.runs.fail(run, "late")

    (row,) = await runs(setup.database)
    assert (row.state, row.ts, row.note) == ("posted", "1.0", None)
    assert (await setup.tags())[1:] == ["worker:digest:posted"]


async def test_one_of_two_runs_that_miss_the_channel_pauses_the_digest(setup):
    found = await setup.claimed(await setup.digest(), days=2)

    for run in (*found, *found):
        await setup.runs.suspend(run, PauseCause.ARCHIVED)

    assert [*(await setup.states()).values()] == ["suspended", "skipped"]
    assert await setup.due(DueWorkKind.NOTIFY_DIGEST_OWNER) == ["digest:g1:2026-06-04T09:00"]
    assert (await read_digest(setup.database)).paused_because == "archived"
    assert (await setup.tags())[1:] == ["worker:digest:suspended", "worker:digest:skipped"]


async def test_a_run_that_another_worker_ended_pauses_nothing(setup):
    (run,) = await setup.claimed(await setup.digest())
    await setup.runs.posted(run, "1780477200.000100")
    await setup.work_is_done()

    await setup.runs.suspend(run, PauseCause.UNSEEN)

    assert (await read_digest(setup.database)).paused_because is None
    assert (await setup.tags())[1:] == ["worker:digest:posted"]
    assert await setup.due(DueWorkKind.NOTIFY_DIGEST_OWNER) == []


async def test_old_runs_are_removed_except_the_newest_and_claimed_ones(setup):
    digest = await setup.digest()
    slots = timetable_of(digest).slots([FIRST + days * DAY for days in range(3)])
    await setup.claims.claim(digest, [slots[0]], slots[1:])
    setup.now = NOON + 100 * DAY

    assert await setup.claims.forget_older(90 * DAY) == 1
    assert [*await setup.states()] == ["2026-06-04T09:00", "2026-06-06T09:00"]


async def test_each_change_of_a_digest_schedules_a_check(setup):
    digest = await setup.digest()
    for change in (setup.store.pause, setup.store.resume):
        assert await setup.due(DueWorkKind.CLAIM_DIGEST_SLOTS) == ["g1"]
        await setup.work_is_done()
        await change(digest, BOSS)
    assert await setup.due(DueWorkKind.CLAIM_DIGEST_SLOTS) == ["g1"]


async def test_the_same_draft_twice_is_one_digest_and_another_workspace_does_not_see_it(setup):
    digest = await setup.digest()
    assert await setup.digest() == digest

    assert await setup.store.list() == (digest,)
    assert await setup.store.list("T0OTHER00") == ()
    with pytest.raises(DigestUnknown):
        await setup.store.read("g1", "T0OTHER00")
    assert await setup.tags() == ["admin:digest:added"]
