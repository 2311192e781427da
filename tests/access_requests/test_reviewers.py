"""The reviewers of a request: only people who could decide now."""

from datetime import timedelta

import pytest

from bot.access.grants import Right
from bot.access.policy import Standing
from bot.access_requests.reviewers import MOST_ASKED, Reviewers
from tests.access.builders import (
    ALICE,
    BOB,
    BOSS,
    CAROL,
    TEAM,
    Passing,
    Silent,
    Workspace,
    deny,
    give,
    readers_on,
)
from tests.conftest import NOON


def reviewers(database, workspace: Workspace | None = None) -> Reviewers:
    readers = readers_on(database, workspace or Workspace(), first_admins={BOSS})
    return Reviewers(
        database=database,
        clearances=readers.clearances,
        clock=lambda: NOON,
        first_admins=frozenset({BOSS}),
        channel_id=None,
    )


async def people(reviewers: Reviewers, requester_id: str) -> list[str]:
    return [user_id async for user_id in reviewers.people(TEAM, requester_id)]


async def admin(database, user_id: str, **how) -> None:
    await give(database, user_id, right=Right.ADMIN, **how)


async def test_first_admins_come_first_and_the_requester_is_left_out(database):
    for user_id in (ALICE, BOB, CAROL):
        await admin(database, user_id)
    assert await people(reviewers(database), BOB) == [BOSS, ALICE, CAROL]
    assert await people(reviewers(database), BOSS) == [ALICE, BOB, CAROL]


async def test_a_temporary_admin_reviews_until_the_grant_ends(database):
    await admin(database, ALICE, lasting=timedelta(hours=1))
    past = NOON - timedelta(hours=2)
    await admin(database, CAROL, now=past, lasting=timedelta(hours=1))
    assert await people(reviewers(database), BOB) == [BOSS, ALICE]


async def test_a_denied_admin_does_not_review(database):
    await admin(database, ALICE)
    await deny(database, ALICE, right=Right.ADMIN)
    await deny(database, BOSS, right=Right.ADMIN)
    assert await people(reviewers(database), BOB) == []


@pytest.mark.parametrize(
    ("standing", "is_asked"),
    [
        (Standing.MEMBER, True),
        (Standing.GUEST, True),  # the right is theirs by name
        (Standing.DEACTIVATED, False),
        (Standing.EXTERNAL, False),
        (Standing.BOT, False),
        (Standing.UNKNOWN, False),
    ],
)
async def test_only_people_for_whom_admin_counts_review(sqlite_store, standing, is_asked):
    await admin(sqlite_store, ALICE)
    asked = await people(reviewers(sqlite_store, Workspace(standings={ALICE: standing})), BOB)
    assert asked == ([BOSS, ALICE] if is_asked else [BOSS])


async def test_a_person_unknown_to_slack_is_left_out_and_an_outage_raises(sqlite_store):
    await admin(sqlite_store, ALICE)
    workspace = Workspace(failing={f"standing of {ALICE}"}, error=Silent)
    assert await people(reviewers(sqlite_store, workspace), BOB) == [BOSS]

    workspace.error = Passing
    await admin(sqlite_store, CAROL)
    asked = reviewers(sqlite_store, workspace).people(TEAM, BOB)
    assert [await anext(asked), await anext(asked)] == [BOSS, CAROL], "nobody waits for Alice"
    with pytest.raises(Passing):
        await anext(asked)


async def test_the_number_of_reviewers_is_limited(sqlite_store):
    for number in range(MOST_ASKED + 5):
        await admin(sqlite_store, f"U0ADMIN{number:02}")
    asked = await people(reviewers(sqlite_store), BOB)
    assert asked == [BOSS, *(f"U0ADMIN{number:02}" for number in range(MOST_ASKED - 1))]
