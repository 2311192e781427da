"""Who may request access for which recording; refusals are audited."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from bot.access.administration import Actor
from bot.access.policy import Standing
from bot.access_requests.reviewers import Reviewers
from bot.access_requests.store import AccessRequests
from bot.access_requests.submit import (
    AccessRequestSubmission,
    NothingToAskFor,
    Offer,
    RequesterNotEligible,
    choices,
)
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.requests.authorization import WorkspaceMembership
from bot.recordings.requests.request_store import RequestStore
from bot.store.database import Database
from bot.store.tables import DeliveryRow
from tests.access.builders import (
    ALICE,
    BOB,
    GROUP,
    OTHER_TEAM,
    TEAM,
    Silent,
    Workspace,
    deny,
    events_on,
    give,
    readers_on,
)
from tests.conftest import NOON
from tests.recordings.requests.test_request_store import REQUEST
from tests.tables import each_row

CONVERSATION = f"CA{1:032x}"


async def delivered(
    database: Database, outcome: str | None = "redacted", reason: str | None = "not_cleared"
) -> str:
    """Store a delivery of ALICE with its decision."""
    store = RequestStore(database=database, clock=lambda: NOON)
    stored = await store.store(replace(REQUEST, conversation_id=CONVERSATION))
    async with database.write() as session:
        await session.execute(update(DeliveryRow).values(outcome=outcome, reason=reason))
    return stored.delivery_id


async def home_team() -> str:
    return TEAM


async def offer(
    database: Database,
    delivery_id: str,
    *,
    team: str = TEAM,
    user: str = ALICE,
    people: Workspace | None = None,
) -> Offer:
    clearances = readers_on(database, people or Workspace(), groups={GROUP: {ALICE}}).clearances
    on = {"database": database, "clock": lambda: NOON}
    submission = AccessRequestSubmission(
        requests=AccessRequests(**on),
        deliveries=DeliveryStore(**on),
        membership=WorkspaceMembership(**on, home_team=home_team),
        clearances=clearances,
        reviewers=Reviewers(
            **on, clearances=clearances, first_admins=frozenset(), channel_id="C0APPROVE"
        ),
        max_hours=8,
    )
    return await submission.offer(Actor(team, None, user), delivery_id)


async def refusals(database: Database) -> list[tuple[str, str, str | None, object]]:
    return [
        (each.team_id, each.actor_id, each.delivery_id, each.payload)
        for each in await events_on(database)
        if each.tag == "slack:button:refused"
    ]


async def test_a_requester_without_the_right_may_request_access(database):
    delivery_id = await delivered(database)
    assert await offer(database, delivery_id) == Offer(delivery_id, CONVERSATION, (1, 4, 8))
    assert await refusals(database) == []


@pytest.mark.parametrize(
    ("team", "user", "decided"),
    [
        pytest.param(TEAM, BOB, ("redacted", "not_cleared"), id="somebody else's"),
        pytest.param(OTHER_TEAM, ALICE, ("redacted", "not_cleared"), id="another workspace's"),
        pytest.param(TEAM, ALICE, ("redacted", "audience"), id="redacted for another reason"),
        pytest.param(TEAM, ALICE, ("raw", "cleared"), id="raw"),
        pytest.param(TEAM, ALICE, (None, None), id="not decided yet"),
    ],
)
async def test_a_recording_that_needs_no_access_or_is_of_another_person_is_refused_and_audited(
    database, team, user, decided
):
    delivery_id = await delivered(database, *decided)
    with pytest.raises(NothingToAskFor):
        await offer(database, delivery_id, team=team, user=user)
    payload = {"button": "request_access", "code": "nothing_to_ask_for", "actor_team_id": team}
    assert await refusals(database) == [(TEAM, user, delivery_id, payload)]


@pytest.mark.parametrize("team", [TEAM, OTHER_TEAM])
async def test_a_button_of_an_unknown_delivery_is_refused_and_audited_without_its_id(
    database, team
):
    with pytest.raises(NothingToAskFor, match="I no longer have the request"):
        await offer(database, "d-made-up", team=team)
    payload = {"button": "request_access", "code": "nothing_to_ask_for", "actor_team_id": team}
    # In the bot's workspace, wherever it was pressed: nobody audits another one's chain.
    assert await refusals(database) == [(TEAM, ALICE, None, payload)]


@pytest.mark.parametrize(
    ("standing", "given", "may_ask"),
    [
        (Standing.MEMBER, None, True),
        (Standing.GUEST, ALICE, True),
        (Standing.GUEST, GROUP, False),
        (Standing.GUEST, None, False),
        (Standing.EXTERNAL, ALICE, False),
        (Standing.DEACTIVATED, ALICE, False),
        (Standing.UNKNOWN, ALICE, False),
    ],
)
@pytest.mark.postgresql_at_length
async def test_only_people_for_whom_a_grant_would_count_may_request_access(
    database, standing, given, may_ask
):
    delivery_id = await delivered(database)
    if given:
        await give(database, given)
    people = Workspace(standings={ALICE: standing})
    if may_ask:
        await offer(database, delivery_id, people=people)
        return
    with pytest.raises(RequesterNotEligible):
        await offer(database, delivery_id, people=people)
    ((_, actor, _, payload),) = await refusals(database)
    assert (actor, payload["code"]) == (ALICE, "requester_not_eligible")


async def test_a_denied_member_may_request_access(sqlite_store):
    await deny(sqlite_store)
    await offer(sqlite_store, await delivered(sqlite_store))


async def test_an_unknown_standing_is_reported_instead_of_a_refusal(sqlite_store):
    people = Workspace(failing=[f"standing of {ALICE}"])
    with pytest.raises(Silent):
        await offer(sqlite_store, await delivered(sqlite_store), people=people)
    assert await refusals(sqlite_store) == []


@each_row(
    ("most", "offered"),
    [(1, (1,)), (3, (1, 3)), (8, (1, 4, 8)), (9, (1, 4, 8, 9)), (200, (1, 4, 8, 24, 72, 168, 200))],
)
def test_the_usual_durations_are_offered_up_to_the_longest(most, offered):
    assert choices(most) == offered
