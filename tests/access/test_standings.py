"""Standings: stored for a while, invalidated by events, read a few at a time."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.access.policy import Standing
from bot.access.standings import AT_ONCE, KEPT_FOR, STANDING_VALID_FOR, Standings, forget_standings
from bot.errors import CallAudioError, TooManyLookups
from bot.store.database import Database
from bot.store.tables import StandingRow
from tests.access.builders import (
    ALICE,
    BOB,
    CAROL,
    OTHER_TEAM,
    TEAM,
    Clock,
    Silent,
    Workspace,
)

pytestmark = pytest.mark.postgresql_at_length

MEMBER, GUEST, BOT = Standing.MEMBER, Standing.GUEST, Standing.BOT
UNKNOWN, DEACTIVATED = Standing.UNKNOWN, Standing.DEACTIVATED
SECOND = timedelta(seconds=1)


class Busy(CallAudioError):
    retryable = True


class Office:
    """Standings on one database, with Slack in memory and a clock that is set."""

    def __init__(self, database: Database, **standings: Standing) -> None:
        self.slack = Workspace(standings=standings)
        self.clock = Clock()
        self.database = database
        self.known = self.another_process()

    def another_process(self) -> Standings:
        return Standings(database=self.database, directory=self.slack, clock=self.clock)

    @property
    def asked(self) -> list[str]:
        return [call.removeprefix("standing of ") for call in self.slack.calls]

    async def learn(self, *user_ids: str) -> dict[str, Standing | None]:
        answers: dict[str, Standing | None] = {}
        async for some in self.known.learn(TEAM, user_ids):
            answers |= some
        return answers

    async def stored(self, *user_ids: str, team: str = TEAM) -> dict[str, Standing]:
        return await self.known.stored(team, user_ids or (ALICE, BOB, CAROL))


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, **{BOB: GUEST, CAROL: BOT})


@pytest.mark.both_databases
async def test_a_standing_is_stored_for_all_processes_for_a_while_and_one_workspace(office):
    found = {ALICE: MEMBER, BOB: GUEST, CAROL: BOT}
    assert await office.learn(*found) == found
    other = office.another_process()
    assert await other.stored(TEAM, (*found, "U0NOBODY0")) == found
    assert await other.stored(OTHER_TEAM, found) == {}
    assert await other.stored(TEAM, ()) == {}

    office.clock.now += STANDING_VALID_FOR - timedelta(microseconds=1)
    assert await office.stored() == found
    office.clock.now += timedelta(microseconds=1)
    assert await office.stored() == {}


async def test_validity_counts_from_the_call_not_from_its_answer(office):
    slow = asyncio.Event()

    class Slow(Workspace):
        async def standing(self, user_id):
            office.clock.now += STANDING_VALID_FOR
            slow.set()
            return await super().standing(user_id)

    office.slack = Slow()
    assert await office.another_process().now(TEAM, ALICE) is MEMBER
    assert slow.is_set()
    assert await office.stored() == {}


async def test_now_reads_slack_each_time_and_recent_only_without_a_stored_standing(office):
    assert await office.known.recent(TEAM, ALICE) is MEMBER
    assert await office.known.recent(TEAM, ALICE) is MEMBER
    assert office.asked == [ALICE]
    office.slack.standings = {ALICE: DEACTIVATED}
    assert await office.known.now(TEAM, ALICE) is DEACTIVATED
    assert await office.known.recent(TEAM, ALICE) is DEACTIVATED
    assert office.asked == [ALICE, ALICE]


@pytest.mark.parametrize(
    ("was", "told", "matters", "left"),
    [
        pytest.param(MEMBER, GUEST, True, None, id="became a guest"),
        pytest.param(MEMBER, DEACTIVATED, True, None, id="left"),
        pytest.param(DEACTIVATED, MEMBER, True, None, id="came back"),
        pytest.param(GUEST, MEMBER, True, None, id="became a member"),
        pytest.param(MEMBER, MEMBER, False, MEMBER, id="a new photo"),
        pytest.param(GUEST, GUEST, False, GUEST, id="a guest's new photo"),
        pytest.param(MEMBER, UNKNOWN, False, None, id="flags are missing: asked at the next look"),
        pytest.param(None, GUEST, False, None, id="nobody we know of became a guest"),
        pytest.param(None, MEMBER, False, None, id="nobody we know of has a new photo"),
    ],
)
async def test_an_event_invalidates_the_standing_and_returns_whether_it_changed(
    office, was, told, matters, left
):
    if was:
        office.slack.standings = {ALICE: was}
        await office.learn(ALICE)
    assert await office.known.changed(TEAM, ALICE, told) is matters
    assert (await office.stored()).get(ALICE) is left
    assert await office.known.changed(TEAM, ALICE, told) is False, "Slack may tell twice"


@pytest.mark.both_databases
async def test_an_expired_standing_still_shows_whether_an_event_is_a_change(office):
    await office.learn(ALICE)
    office.clock.now += KEPT_FOR
    await forget_standings(office.database, office.clock())
    assert await office.known.changed(TEAM, ALICE, GUEST)

    await office.learn(BOB)
    office.clock.now += KEPT_FOR + SECOND
    await forget_standings(office.database, office.clock())
    assert not await office.known.changed(TEAM, BOB, DEACTIVATED)


async def test_an_unchanged_standing_is_not_stored_again(office):
    await office.learn(ALICE)
    office.clock.now += STANDING_VALID_FOR - SECOND
    assert await office.known.now(TEAM, ALICE) is MEMBER
    office.clock.now += SECOND
    assert await office.stored() == {}


async def test_an_event_about_a_member_who_is_not_stored_writes_nothing(office):
    assert not await office.known.changed(TEAM, ALICE, MEMBER)
    async with office.database.read() as session:
        assert (await session.scalars(select(StandingRow))).all() == []


async def test_an_event_noted_by_a_clock_that_is_behind_invalidates_too(office):
    await office.learn(ALICE)
    past = office.clock.now - SECOND
    behind = Standings(database=office.database, directory=office.slack, clock=lambda: past)
    assert await behind.changed(TEAM, ALICE, GUEST)
    assert await office.stored() == {}


async def test_a_failed_look_up_is_logged(office):
    office.slack.failing = {f"standing of {ALICE}"}
    with capture_logs() as logs:
        await office.learn(ALICE, BOB)
        await office.known.recent_or_unknown(TEAM, ALICE)
    unknown = {"event": "fact_unknown", "fact": "standing", "log_level": "warning"}
    assert logs == [{**unknown, "code": "silent"}] * 2


@pytest.mark.parametrize("passes", [SECOND, timedelta(0)], ids=["later", "at the same time"])
@pytest.mark.parametrize("knew", [True, False])
@pytest.mark.parametrize("way", ["learn", "now"])
async def test_an_answer_requested_before_the_event_is_not_stored(office, knew, way, passes):
    if knew:
        await office.learn(ALICE)
        office.clock.now += STANDING_VALID_FOR
    asked, go_on = asyncio.Event(), asyncio.Event()

    class Held(Workspace):
        async def standing(self, user_id):
            answer = await super().standing(user_id)
            asked.set()
            await go_on.wait()
            return answer

    office.slack = Held()
    office.known = office.another_process()
    late = office.learn(ALICE) if way == "learn" else office.known.now(TEAM, ALICE)
    asking = asyncio.create_task(late)
    await asked.wait()
    office.clock.now += passes
    await office.known.changed(TEAM, ALICE, GUEST)
    go_on.set()
    await asking

    assert await office.stored() == {}
    office.clock.now += SECOND
    office.slack.standings = {ALICE: GUEST}
    await office.learn(ALICE)
    assert await office.stored() == {ALICE: GUEST}, "but what is asked after it is"


async def test_a_slower_answer_does_not_replace_a_newer_one(office):
    await office.learn(BOB)
    older = office.clock.now - SECOND
    office.slack.standings = {BOB: MEMBER}
    behind = Standings(database=office.database, directory=office.slack, clock=lambda: older)
    assert await behind.now(TEAM, BOB) is MEMBER
    assert await office.stored() == {BOB: GUEST}


async def test_an_unknown_standing_is_read_again(office):
    office.slack.standings = {ALICE: UNKNOWN}
    assert await office.learn(ALICE) == {ALICE: UNKNOWN}
    assert await office.known.now(TEAM, ALICE) is UNKNOWN
    assert await office.stored() == {}


async def test_all_readers_together_make_few_parallel_calls(sqlite_store):
    most = under_way = 0

    class Counting(Workspace):
        async def standing(self, user_id):
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1
            return await super().standing(user_id)

    office = Office(sqlite_store)
    office.slack = Counting()
    office.known = office.another_process()
    crowds = [[f"U{crowd}{number:05d}" for number in range(3 * AT_ONCE)] for crowd in range(3)]
    await asyncio.gather(*(office.learn(*crowd) for crowd in crowds))
    assert most == AT_ONCE
    assert sorted(office.asked) == sorted(each for crowd in crowds for each in crowd)
    await office.learn(*crowds[0])
    assert len(office.asked) == 9 * AT_ONCE


async def test_a_person_unknown_to_slack_does_not_stop_the_others(office):
    office.slack.failing = {f"standing of {ALICE}"}
    assert await office.learn(ALICE, BOB) == {ALICE: None, BOB: GUEST}
    assert await office.stored() == {BOB: GUEST}
    with pytest.raises(Silent):
        await office.known.now(TEAM, ALICE)
    assert await office.known.now_or_unknown(TEAM, ALICE) is UNKNOWN


async def test_whoever_slack_was_not_asked_about_is_not_unknown(office):
    class Spent(Workspace):
        async def standing(self, user_id):
            del user_id
            raise TooManyLookups

    office.slack = Spent()
    office.known = office.another_process()

    with pytest.raises(TooManyLookups):
        await office.known.now_or_unknown(TEAM, ALICE)


@pytest.mark.both_databases
async def test_an_outage_stops_reading_and_keeps_the_answers_so_far(office):
    crowd = [f"U{number:08d}" for number in range(3 * AT_ONCE)]

    class Away(Workspace):
        async def standing(self, user_id):
            if user_id == crowd[AT_ONCE]:
                raise Busy
            return await super().standing(user_id)

    office.slack = Away()
    office.known = office.another_process()
    with pytest.raises(Busy):
        await office.learn(*crowd)
    kept = [*crowd[:AT_ONCE], *crowd[AT_ONCE + 1 : 2 * AT_ONCE]]
    assert await office.stored(*crowd) == dict.fromkeys(kept, MEMBER)


@pytest.mark.both_databases
async def test_two_processes_reading_the_same_people_do_not_deadlock(office):
    crowd = [f"U{number:08d}" for number in range(5 * AT_ONCE)]
    processes = [office.another_process() for _ in range(2)]

    async def learn(process: Standings, user_ids: list[str]) -> None:
        async for _ in process.learn(TEAM, user_ids):
            await process.changed(TEAM, user_ids[0], GUEST)

    for _ in range(3):
        office.clock.now += STANDING_VALID_FOR
        await asyncio.gather(learn(processes[0], crowd), learn(processes[1], crowd[::-1]))
    assert len(await office.stored(*crowd)) >= len(crowd) - 2
