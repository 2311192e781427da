"""Whether a right counts for a person, and which calls of Slack that takes."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.access.clearance import Clearance
from bot.access.grants import Right
from bot.access.policy import RightHeld, Standing
from bot.access.standings import AT_ONCE, STANDING_VALID_FOR
from tests.access.builders import (
    ALICE,
    BOB,
    CAROL,
    GROUP,
    OTHER_TEAM,
    TEAM,
    Clock,
    Passing,
    Readers,
    Silent,
    Workspace,
    give,
    readers_on,
)

GROUPS = {GROUP: {ALICE}}


def workspace(standing: Standing = Standing.MEMBER, *, is_away: bool = False) -> Workspace:
    failing = {f"standing of {ALICE}"} if is_away else ()
    return Workspace(standings={ALICE: standing}, failing=failing)


def readers(database, standing: Standing = Standing.MEMBER, *, is_away: bool = False) -> Readers:
    return readers_on(database, workspace(standing, is_away=is_away), groups=GROUPS)


async def test_a_guest_holds_a_right_by_name_only(sqlite_store):
    people = readers(sqlite_store, Standing.GUEST).people
    await give(sqlite_store, GROUP, right=Right.ADMIN)
    found = await people.read(TEAM, ALICE)
    assert (found.may_use, found.held, found.grant_of(Right.ADMIN)) == (False, frozenset(), None)
    await give(sqlite_store, GROUP, lasting=None)
    own = await give(sqlite_store, right=Right.PII, lasting=timedelta(hours=1))
    found = await people.read(TEAM, ALICE)
    assert (found.may_use, found.held) == (True, {Right.PII})
    assert found.grant_of(Right.PII) == own, "not the group's, although that has no end"


@pytest.mark.parametrize(
    ("standing", "given_to", "held", "holds"),
    [
        pytest.param(Standing.MEMBER, ALICE, RightHeld.BY_NAME, True, id="a member by name"),
        pytest.param(Standing.MEMBER, GROUP, RightHeld.BY_GROUP, True, id="a member by a group"),
        pytest.param(Standing.MEMBER, None, RightHeld.NOT, False, id="a member without a grant"),
        pytest.param(Standing.GUEST, ALICE, RightHeld.BY_NAME, True, id="a guest by name"),
        pytest.param(Standing.GUEST, GROUP, RightHeld.BY_GROUP, False, id="a guest by a group"),
        *(
            pytest.param(standing, ALICE, RightHeld.BY_NAME, False, id=f"{standing} by name")
            for standing in (Standing.EXTERNAL, Standing.BOT, Standing.DEACTIVATED)
        ),
    ],
)
async def test_all_ways_of_reading_a_clearance_return_the_same(
    sqlite_store, standing, given_to, held, holds
):
    """Only for the granted right, in the workspace of the grant."""
    if given_to:
        await give(sqlite_store, given_to)
    reading = readers(sqlite_store, standing)
    clearances, person = reading.clearances, await reading.people.read(TEAM, ALICE)
    for found in (
        await clearances.of_requester(TEAM, ALICE),
        await clearances.now_or_unknown(TEAM, ALICE),
    ):
        assert (found.standing, found.held, found.counts) == (standing, held, holds)
        assert found.may_use == person.may_use
    assert person.held == ({Right.PII} if holds else frozenset())
    assert person.may_use == (holds or standing is Standing.MEMBER)
    assert not await clearances.is_admin(TEAM, ALICE)
    assert not (await clearances.of_requester(OTHER_TEAM, ALICE)).counts
    if given_to:
        await give(sqlite_store, given_to, right=Right.ADMIN)
    assert await clearances.is_admin(TEAM, ALICE) is holds
    assert not await clearances.is_admin(OTHER_TEAM, ALICE)


async def test_an_unknown_standing_raises_instead_of_refusing(sqlite_store):
    for right in Right:
        await give(sqlite_store, right=right)
    away = readers(sqlite_store, is_away=True)
    for asking in (
        away.people.read(TEAM, ALICE),
        away.people.recent(TEAM, ALICE),
        away.clearances.of_requester(TEAM, ALICE),
        away.clearances.is_admin(TEAM, ALICE),
    ):
        with pytest.raises(Silent):
            await asking
    assert not (await away.people.read_or_unknown(TEAM, ALICE)).may_use
    for unknown in (
        await away.clearances.now_or_unknown(TEAM, ALICE),
        await away.clearances.recent_or_unknown(TEAM, ALICE),
    ):
        assert (unknown.standing, unknown.held) == (Standing.UNKNOWN, RightHeld.BY_NAME)
        assert (unknown.counts, unknown.may_use) == (None, False)


async def test_slack_is_not_asked_about_people_without_a_grant(sqlite_store):
    slack = workspace(is_away=True)
    clearances = readers_on(sqlite_store, slack).clearances
    assert not await clearances.is_admin(TEAM, ALICE)
    without = await clearances.recent_or_unknown(TEAM, ALICE)
    assert without == Clearance(Standing.UNKNOWN, RightHeld.NOT)
    assert slack.calls == []


async def test_a_grant_by_name_counts_by_stored_standings_and_else_by_slack(sqlite_store):
    standings = {BOB: Standing.GUEST, CAROL: Standing.DEACTIVATED}
    slack = Workspace(standings=standings)
    clearances = readers_on(sqlite_store, slack).clearances
    asked = [ALICE, BOB, CAROL]
    assert await clearances.by_name(TEAM, asked) == {ALICE: True, BOB: True, CAROL: False}

    others = [f"U0A{number:06d}" for number in range(AT_ONCE)]
    slack.failing, slack.error = {f"standing of {each}" for each in others}, Passing
    with capture_logs() as logs:
        found = await clearances.by_name(TEAM, [*others, *asked])
    assert found == dict.fromkeys(others) | {ALICE: True, BOB: True, CAROL: False}
    unknown = {"event": "fact_unknown", "fact": "standing", "log_level": "warning"}
    assert logs == [{**unknown, "code": "passing"}] * (AT_ONCE + 1), "each, and the outage"
    assert len(slack.calls) == len([*asked, *others])


async def test_a_decision_asks_slack_each_time_and_a_check_uses_stored_standings(sqlite_store):
    await give(sqlite_store)
    clock, slack = Clock(), workspace()
    clearances = readers_on(sqlite_store, slack, clock=clock).clearances
    for _ in range(2):
        assert (await clearances.now_or_unknown(TEAM, ALICE)).counts
    assert len(slack.calls) == 2

    slack.standings = {ALICE: Standing.DEACTIVATED}
    clock.now += STANDING_VALID_FOR - timedelta(seconds=1)
    assert (await clearances.recent_or_unknown(TEAM, ALICE)).counts
    clock.now += timedelta(seconds=1)
    assert (await clearances.recent_or_unknown(TEAM, ALICE)).counts is False
    assert len(slack.calls) == 3
