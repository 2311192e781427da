"""Standings: stored for a while, invalidated by events, read a few at a time."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.access.policy import Standing
from bot.access.standings import AT_ONCE, KEPT_FOR, STANDING_VALID_FOR, Standings, forget_standings
from bot.errors import TooManyLookups
from bot.store.database import Database
from bot.store.tables import StandingRow
from tests.access.builders import (
    ALICE,
    BOB,
    CAROL,
    OTHER_TEAM,
    TEAM,
    Clock,
    Passing,
    Silent,
    Workspace,
)

pytestmark = pytest.mark.postgresql_at_length

MEMBER, GUEST, BOT = Standing.MEMBER, Standing.GUEST, Standing.BOT
UNKNOWN, DEACTIVATED = Standing.UNKNOWN, Standing.DEACTIVATED
SECOND = timedelta(seconds=1)


class StandingsSetup:
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
def setup(database: Database) -> StandingsSetup:
    return StandingsSetup(database, **{BOB: GUEST, CAROL: BOT})


@pytest.mark.both_databases
async def test_a_standing_is_stored_for_all_processes_for_a_while_and_one_workspace(setup):
    found = {ALICE: MEMBER, BOB: GUEST, CAROL: BOT}
    assert await setup.learn(*found) == found
    other = setup.another_process()
    assert await other.stored(TEAM, (*found, "U0NOBODY0")) == found
    assert await other.stored(OTHER_TEAM, found) == {}
    assert await other.stored(TEAM, ()) == {}

    setup.clock.now += STANDING_VALID_FOR - timedelta(microseconds=1)
    assert await setup.stored() == found
    setup.clock.now += timedelta(microseconds=1)
    assert await setup.stored() == {}


async def test_a_standing_is_valid_from_its_call_and_not_from_its_answer(setup):
    async def slowly(_):
        setup.clock.now += STANDING_VALID_FOR

    setup.slack.meanwhile = slowly
    assert await setup.known.now(TEAM, ALICE) is MEMBER
    assert await setup.stored() == {}


async def test_now_reads_slack_each_time_and_recent_only_without_a_stored_standing(setup):
    assert await setup.known.recent(TEAM, ALICE) is MEMBER
    assert await setup.known.recent(TEAM, ALICE) is MEMBER
    assert setup.asked == [ALICE]
    setup.slack.standings = {ALICE: DEACTIVATED}
    assert await setup.known.now(TEAM, ALICE) is DEACTIVATED
    assert await setup.known.recent(TEAM, ALICE) is DEACTIVATED
    assert setup.asked == [ALICE, ALICE]


@pytest.mark.parametrize(
    ("was", "told", "matters", "left"),
    [
        pytest.param(MEMBER, GUEST, True, None, id="became a guest"),
        pytest.param(MEMBER, DEACTIVATED, True, None, id="left"),
        pytest.param(DEACTIVATED, MEMBER, True, None, id="came back"),
        pytest.param(GUEST, MEMBER, True, None, id="became a member"),
        pytest.param(MEMBER, MEMBER, False, MEMBER, id="a new photo"),
        pytest.param(GUEST, GUEST, False, GUEST, id="a guest's new photo"),
        pytest.param(MEMBER, UNKNOWN, False, None, id="missing flags: the next check asks Slack"),
        pytest.param(None, GUEST, False, None, id="one who is not stored became a guest"),
        pytest.param(None, MEMBER, False, None, id="one who is not stored has a new photo"),
    ],
)
async def test_an_event_invalidates_the_standing_and_returns_whether_it_changed(
    setup, was, told, matters, left
):
    if was:
        setup.slack.standings = {ALICE: was}
        await setup.learn(ALICE)
    assert await setup.known.changed(TEAM, ALICE, told) is matters
    assert (await setup.stored()).get(ALICE) is left
    assert await setup.known.changed(TEAM, ALICE, told) is False, "Slack may tell twice"


@pytest.mark.both_databases
async def test_an_expired_standing_still_shows_whether_an_event_is_a_change(setup):
    await setup.learn(ALICE)
    setup.clock.now += KEPT_FOR
    await forget_standings(setup.database, setup.clock())
    assert await setup.known.changed(TEAM, ALICE, GUEST)

    await setup.learn(BOB)
    setup.clock.now += KEPT_FOR + SECOND
    await forget_standings(setup.database, setup.clock())
    assert not await setup.known.changed(TEAM, BOB, DEACTIVATED)


async def test_an_unchanged_standing_is_not_stored_again(setup):
    await setup.learn(ALICE)
    setup.clock.now += STANDING_VALID_FOR - SECOND
    assert await setup.known.now(TEAM, ALICE) is MEMBER
    setup.clock.now += SECOND
    assert await setup.stored() == {}


async def test_an_event_about_a_member_who_is_not_stored_writes_nothing(setup):
    assert not await setup.known.changed(TEAM, ALICE, MEMBER)
    async with setup.database.read() as session:
        assert (await session.scalars(select(StandingRow))).all() == []


async def test_an_event_noted_by_a_clock_that_is_behind_invalidates_too(setup):
    await setup.learn(ALICE)
    past = setup.clock.now - SECOND
    behind = Standings(database=setup.database, directory=setup.slack, clock=lambda: past)
    assert await behind.changed(TEAM, ALICE, GUEST)
    assert await setup.stored() == {}


async def test_a_failed_look_up_is_logged(setup):
    setup.slack.failing = {f"standing of {ALICE}"}
    with capture_logs() as logs:
        await setup.learn(ALICE, BOB)
        await setup.known.recent_or_unknown(TEAM, ALICE)
    unknown = {"event": "fact_unknown", "fact": "standing", "log_level": "warning"}
    assert logs == [{**unknown, "code": "silent"}] * 2


@pytest.mark.parametrize("passes", [SECOND, timedelta(0)], ids=["later", "at the same time"])
@pytest.mark.parametrize("knew", [True, False])
@pytest.mark.parametrize("way", ["learn", "now"])
async def test_an_answer_requested_before_the_event_is_not_stored(setup, knew, way, passes):
    if knew:
        await setup.learn(ALICE)
        setup.clock.now += STANDING_VALID_FOR
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_):
        asked.set()
        await go_on.wait()

    setup.slack.meanwhile = hold
    late = setup.learn(ALICE) if way == "learn" else setup.known.now(TEAM, ALICE)
    asking = asyncio.create_task(late)
    await asked.wait()
    setup.clock.now += passes
    await setup.known.changed(TEAM, ALICE, GUEST)
    go_on.set()
    await asking

    assert await setup.stored() == {}
    setup.clock.now += SECOND
    setup.slack.standings = {ALICE: GUEST}
    await setup.learn(ALICE)
    assert await setup.stored() == {ALICE: GUEST}, "but what is asked after it is"


async def test_a_slower_answer_does_not_replace_a_newer_one(setup):
    await setup.learn(BOB)
    older = setup.clock.now - SECOND
    setup.slack.standings = {BOB: MEMBER}
    behind = Standings(database=setup.database, directory=setup.slack, clock=lambda: older)
    assert await behind.now(TEAM, BOB) is MEMBER
    assert await setup.stored() == {BOB: GUEST}


async def test_an_unknown_standing_is_read_again(setup):
    setup.slack.standings = {ALICE: UNKNOWN}
    assert await setup.learn(ALICE) == {ALICE: UNKNOWN}
    assert await setup.known.now(TEAM, ALICE) is UNKNOWN
    assert await setup.stored() == {}


async def test_all_readers_of_a_process_share_a_few_parallel_calls(sqlite_store):
    most = under_way = 0

    async def count(_):
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    setup = StandingsSetup(sqlite_store)
    setup.slack.meanwhile = count
    crowds = [[f"U{crowd}{number:05d}" for number in range(3 * AT_ONCE)] for crowd in range(3)]
    await asyncio.gather(*(setup.learn(*crowd) for crowd in crowds))
    assert most == AT_ONCE
    assert sorted(setup.asked) == sorted(each for crowd in crowds for each in crowd)
    await setup.learn(*crowds[0])
    assert len(setup.asked) == 9 * AT_ONCE


async def test_a_person_unknown_to_slack_does_not_stop_the_others(setup):
    setup.slack.failing = {f"standing of {ALICE}"}
    assert await setup.learn(ALICE, BOB) == {ALICE: None, BOB: GUEST}
    assert await setup.stored() == {BOB: GUEST}
    with pytest.raises(Silent):
        await setup.known.now(TEAM, ALICE)
    assert await setup.known.now_or_unknown(TEAM, ALICE) is UNKNOWN


async def test_a_look_up_beyond_the_limit_raises_instead_of_unknown(setup):
    setup.slack.failing, setup.slack.error = {f"standing of {ALICE}"}, TooManyLookups
    with pytest.raises(TooManyLookups):
        await setup.known.now_or_unknown(TEAM, ALICE)


@pytest.mark.both_databases
async def test_an_outage_stops_reading_and_keeps_the_answers_so_far(setup):
    crowd = [f"U{number:08d}" for number in range(3 * AT_ONCE)]

    setup.slack.failing, setup.slack.error = {f"standing of {crowd[AT_ONCE]}"}, Passing
    with pytest.raises(Passing):
        await setup.learn(*crowd)
    kept = [*crowd[:AT_ONCE], *crowd[AT_ONCE + 1 : 2 * AT_ONCE]]
    assert await setup.stored(*crowd) == dict.fromkeys(kept, MEMBER)


@pytest.mark.both_databases
async def test_two_processes_reading_the_same_people_do_not_deadlock(setup):
    crowd = [f"U{number:08d}" for number in range(5 * AT_ONCE)]
    processes = [setup.another_process() for _ in range(2)]

    async def learn(process: Standings, user_ids: list[str]) -> None:
        async for _ in process.learn(TEAM, user_ids):
            await process.changed(TEAM, user_ids[0], GUEST)

    for _ in range(3):
        setup.clock.now += STANDING_VALID_FOR
        await asyncio.gather(learn(processes[0], crowd), learn(processes[1], crowd[::-1]))
    assert len(await setup.stored(*crowd)) >= len(crowd) - 2
