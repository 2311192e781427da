"""Two workers publish one Home: the final Home shows the newest facts."""

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.access.grants import Right, revoke
from bot.access.policy import Standing
from bot.access.standings import STANDING_VALID_FOR
from bot.access_requests.request import LIFETIME
from bot.access_requests.store import AccessRequests
from bot.digests.digest_store import DigestStore
from bot.errors import CallAudioError
from bot.home.home_store import HomeStore
from bot.home.publishing import REFUSED_AGAIN_AFTER, HomeConflict, HomePublishing
from bot.home.reading import Home, HomeReader
from bot.settings.choices import AudienceRule
from bot.store.database import Database
from bot.store.due_work import DueWork
from bot.store.due_work_kinds import DueWorkKind
from tests.access.builders import (
    ALICE,
    BOB,
    BOSS,
    GROUP,
    TEAM,
    Workspace,
    deny,
    give,
    readers_on,
    subject,
)
from tests.access_requests.test_requests import new_request
from tests.conftest import NOON
from tests.polling import until
from tests.pruning.test_prunable import access_request

MINUTE = timedelta(minutes=1)


class Wall:
    """Slack's stored Home; like Slack it refuses a publish with another hash."""

    def __init__(self) -> None:
        self.homes: dict[str, tuple[str, Home]] = {}
        self.published = 0
        self.error: CallAudioError | None = None
        self.holding: list[asyncio.Event] = []

    async def publish(self, home: Home, view_hash: str | None) -> str:
        if self.holding:
            await self.holding.pop().wait()
        if self.error:
            raise self.error
        held = self.homes.get(home.user_id)
        if view_hash and (held is None or held[0] != view_hash):
            raise HomeConflict
        self.published += 1
        self.homes[home.user_id] = (f"h{self.published}", home)
        return f"h{self.published}"


class PublishingSetup:
    """Two people and a group of one of them, with a store and a clock."""

    def __init__(self, database: Database) -> None:
        self.database, self.wall, self.now = database, Wall(), NOON
        self.people = Workspace()
        self.homes = HomeStore(database=database, clock=self.clock)
        self.work = DueWork(database=database, clock=self.clock, lease=MINUTE)
        readers = readers_on(database, self.people, clock=self.clock, groups={GROUP: {ALICE}})
        self.reader = HomeReader(
            database=database,
            people=readers.people,
            audience_rule=AudienceRule.CLEARED,
            clock=self.clock,
            digests=DigestStore(database=database, clock=self.clock),
        )
        self.publishing = HomePublishing(
            home_store=self.homes, reader=self.reader, slack=self.wall, check_every=MINUTE
        )

    def clock(self) -> datetime:
        return self.now

    async def look(self) -> int:
        """A worker runs the due work; returns the number of pieces."""
        claimed = await self.work.claim(DueWorkKind.PUBLISH_HOME, 10, takes_over=True)
        for due in claimed:
            await self.work.finish(due, await self.publishing.run(due))
        return len(claimed)

    def home(self) -> Home:
        """The newest Home of Alice."""
        return self.wall.homes[ALICE][1]

    def shown(self) -> frozenset[Right]:
        return self.home().watched.person.held


@pytest.fixture
def setup(sqlite_store):
    return PublishingSetup(sqlite_store)


async def test_a_late_worker_does_not_publish_an_ended_right(setup):
    await give(setup.database, ALICE)
    await setup.homes.opened(TEAM, ALICE)
    await setup.look()
    assert setup.shown() == {Right.PII}

    # The first worker is delayed with a Home that still shows the right; meanwhile it is denied.
    await setup.homes.opened(TEAM, ALICE)
    go_on = asyncio.Event()
    setup.wall.holding.append(go_on)
    late = asyncio.create_task(setup.look())
    await until(lambda: not setup.wall.holding)
    setup.now += timedelta(seconds=1)
    await deny(setup.database, ALICE)
    await setup.homes.check_now(TEAM)
    await setup.work.free_all()  # the first worker's lease has expired
    await setup.look()
    assert setup.shown() == frozenset()
    go_on.set()
    await late

    assert setup.shown() == frozenset()
    await setup.look()
    assert setup.shown() == frozenset()
    assert await setup.look() == 0  # neither has work left


@pytest.mark.parametrize("is_revoked", [False, True], ids=["another is added", "one is revoked"])
async def test_a_home_shows_the_end_of_the_grant_that_holds_now(setup, is_revoked):
    tomorrow = timedelta(days=1)
    await give(setup.database, ALICE, lasting=None if is_revoked else tomorrow)
    await setup.homes.opened(TEAM, ALICE)
    await setup.look()

    if is_revoked:
        async with setup.database.write() as session:
            await revoke(session, subject(ALICE), Right.PII, by=BOSS, now=NOON)
    await give(setup.database, ALICE, lasting=tomorrow if is_revoked else None)
    await setup.homes.check_now(TEAM)
    await setup.look()

    grant = setup.home().watched.person.grant_of(Right.PII)
    assert grant.expires_at == (NOON + tomorrow if is_revoked else None)
    setup.now += MINUTE
    await setup.look()
    assert setup.wall.published == 2, "without a change nothing is published again"


async def test_a_new_guest_sees_no_right_after_fifteen_minutes(setup):
    await give(setup.database, GROUP)
    await setup.homes.opened(TEAM, ALICE)
    await setup.look()
    assert setup.shown() == {Right.PII}

    setup.people.standings = {ALICE: Standing.GUEST}  # without an event and without a changed grant
    setup.now += STANDING_VALID_FOR - timedelta(seconds=1)
    await setup.look()
    assert setup.wall.published == 1, "a guest's standing is not asked for at each look"
    setup.now += MINUTE
    await setup.look()

    assert setup.shown() == frozenset()
    assert not setup.home().watched.person.may_use


async def ask_for_access(setup: PublishingSetup, user_id: str = ALICE) -> None:
    requests = AccessRequests(database=setup.database, clock=setup.clock)
    await requests.store(new_request(0, user_id))


async def test_a_pending_request_disappears_after_every_kind_of_end(setup):
    await ask_for_access(setup)
    await setup.homes.opened(TEAM, ALICE)
    await setup.look()
    asked = setup.home().watched.own
    assert (asked.hours, asked.requested_at, asked.expires_at) == (4, NOON, NOON + LIFETIME)

    setup.now = NOON + LIFETIME - timedelta(seconds=1)
    await setup.look()
    assert setup.home().watched.own == asked, "it is as it was"

    setup.now += MINUTE
    await setup.look()  # before anything else has noted that it expired
    assert setup.home().watched.own is None
    setup.now += MINUTE
    assert await setup.look() == 0  # no work is left


async def test_a_person_who_may_not_use_callaudio_sees_no_request(setup):
    setup.people.standings = {ALICE: Standing.GUEST}
    await ask_for_access(setup)
    watched = await setup.reader.watched(TEAM, ALICE)
    assert not watched.person.may_use
    assert (watched.own, watched.has_to_be_checked) == (None, False)


async def test_requests_of_others_are_shown_to_admins_only_and_of_other_workspaces_to_nobody(setup):
    await give(setup.database, BOSS, right=Right.ADMIN)
    usual = {"requested_at": NOON, "user_id": BOB, "team_id": TEAM}
    theirs = [{"user_id": user, "team_id": "T0SALES000"} for user in (ALICE, BOSS)]
    async with setup.database.write() as session:
        session.add_all(
            access_request("pending", id=f"a{number}", **{**usual, **changes})
            for number, changes in enumerate(({}, *theirs))
        )

    for user, shown in {ALICE: [], BOSS: [BOB]}.items():
        watched = await setup.reader.watched(TEAM, user)
        assert [each.user_id for each in watched.pending] == shown
        assert watched.own is None


async def test_a_permanent_refusal_is_retried_after_an_hour(setup):
    await setup.homes.opened(TEAM, ALICE)
    setup.wall.error = CallAudioError()
    assert await setup.look() == 1
    setup.now += MINUTE
    assert await setup.look() == 0
    setup.wall.error = None
    setup.now = NOON + REFUSED_AGAIN_AFTER
    await setup.look()
    assert ALICE in setup.wall.homes


async def test_a_refused_home_does_not_delay_the_others(setup):
    await setup.homes.opened(TEAM, BOB)
    await setup.homes.opened(TEAM, ALICE)
    setup.people.failing = [f"standing of {BOB}"]
    await setup.look()
    assert list(setup.wall.homes) == [ALICE]


@pytest.mark.parametrize(
    ("standing", "by", "may_use", "held"),
    [
        pytest.param(Standing.MEMBER, ALICE, True, {Right.PII}, id="a member's right counts"),
        pytest.param(Standing.MEMBER, GROUP, True, {Right.PII}, id="a right through a group"),
        pytest.param(Standing.MEMBER, None, True, set(), id="a member without rights may ask"),
        pytest.param(Standing.GUEST, ALICE, True, {Right.PII}, id="a guest's own right counts"),
        pytest.param(Standing.GUEST, GROUP, False, set(), id="a guest's group does not"),
        pytest.param(Standing.GUEST, None, False, set(), id="a guest without a grant"),
        pytest.param(Standing.EXTERNAL, ALICE, False, set(), id="an outsider, granted by mistake"),
        pytest.param(Standing.DEACTIVATED, ALICE, False, set(), id="a deactivated person"),
        pytest.param(Standing.UNKNOWN, ALICE, False, set(), id="a person of unknown standing"),
    ],
)
async def test_each_person_sees_their_own_home(setup, standing, by, may_use, held):
    setup.people.standings = {ALICE: standing}
    if by:
        await give(setup.database, by)
    home = await setup.reader.read(TEAM, ALICE)
    assert (home.watched.person.may_use, home.watched.person.held) == (may_use, held)
    assert home.watched.has_to_be_checked == bool(held)
    assert home.admin is None
    assert may_use or home.deliveries == ()
