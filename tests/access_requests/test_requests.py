"""Stored requests for access: decided once, and due for each step."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, func, select

from bot.access.administration import Actor
from bot.access.policy import Standing
from bot.access_requests.request import (
    LIFETIME,
    REMIND_AFTER,
    AccessRequest,
    AccessState,
    NewAccessRequest,
)
from bot.access_requests.review import (
    AccessRequestReview,
    AlreadyDecided,
    RequesterNotMember,
    RequestUnknown,
)
from bot.access_requests.store import AccessRequests
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import AuditEventRow, GrantRow
from tests.access.builders import Workspace, events_on, readers_on
from tests.conftest import NOON

TEAM, ASKER, BOSS, CHIEF = "T0CALLAUDIO", "U0ALICE00", "U0BOSS000", "U0CHIEF00"


def new_request(number: int, user_id: str = ASKER) -> NewAccessRequest:
    return NewAccessRequest(
        id=f"a{number}",
        team_id=TEAM,
        enterprise_id=None,
        user_id=user_id,
        delivery_id="d0",
        conversation_id="CA0",
        reason="call quality",
        hours=4,
    )


class AccessRequestsSetup:
    """The use cases on one database, with a fixed clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.decided: list[str] = []
        self.requests = AccessRequests(database=database, clock=self.clock)
        self.work = DueWork(database=database, clock=self.clock, lease=timedelta(minutes=1))
        self.standings: dict[str, Standing] = {}
        workspace = Workspace(standings=self.standings)
        readers = readers_on(database, workspace, clock=self.clock, first_admins={BOSS, CHIEF})
        self.review = AccessRequestReview(
            database=database,
            requests=self.requests,
            rights=readers.rights,
            clearances=readers.clearances,
            administration=readers.administration,
            clock=self.clock,
            on_decided=self.note_decided,
        )

    def clock(self) -> datetime:
        return self.now

    async def due(self) -> list[Due]:
        return await self.work.claim(DueWorkKind.HANDLE_ACCESS_REQUEST, 5, takes_over=True)

    async def note_decided(self, team_id: str) -> None:
        self.decided.append(team_id)

    async def ask(self, number: int = 0, user_id: str = ASKER) -> AccessRequest:
        return (await self.requests.store(new_request(number, user_id))).request

    async def decide(self, verb: str, request_id: str, by: str) -> AccessRequest:
        return await getattr(self.review, verb)(Actor(TEAM, None, by), request_id)

    async def approve(self, request: AccessRequest, by: str) -> AccessRequest:
        return await self.decide("approve", request.id, by)

    async def refusals(self) -> list[tuple[object, ...]]:
        return [
            (row.tag, row.team_id, row.actor_id, row.delivery_id, row.payload)
            for row in await events_on(self.database)
            if row.tag.endswith(":refused")
        ]


@pytest.fixture
def setup(database: Database) -> AccessRequestsSetup:
    return AccessRequestsSetup(database)


@pytest.fixture
async def postgresql_setup(
    migrated_postgresql: Callable[[], str],
) -> AsyncIterator[AccessRequestsSetup]:
    database = Database(migrated_postgresql())
    yield AccessRequestsSetup(database)
    await database.close()


so_often = pytest.mark.parametrize("times", [8, pytest.param(100, marks=pytest.mark.long)])


@so_often
async def test_two_approvals_at_the_same_instant_are_one_grant(postgresql_setup, times):
    setup = postgresql_setup
    for number in range(times):
        request = await setup.ask(number)

        done = await asyncio.gather(
            setup.approve(request, BOSS), setup.approve(request, CHIEF), return_exceptions=True
        )

        (won,) = [each for each in done if isinstance(each, AccessRequest)]
        (lost,) = [each for each in done if isinstance(each, BaseException)]
        assert isinstance(lost, AlreadyDecided)
        assert f"<@{won.decided_by}> has already approved" in lost.what
        async with setup.database.write() as session:
            (grant,) = (await session.scalars(select(GrantRow))).all()
            assert (grant.id, grant.given_by) == (won.grant_id, won.decided_by)
            assert grant.expires_at == setup.now + timedelta(hours=4)
            approvals = select(func.count()).where(AuditEventRow.tag == "admin:access:approved")
            assert await session.scalar(approvals) == number + 1
            await session.execute(delete(GrantRow))
        (look,) = await setup.work.claim(DueWorkKind.RECHECK_RIGHTS, 5, takes_over=True)
        assert look.key == TEAM
        assert await setup.work.finish(look, None)


@so_often
async def test_an_approval_and_a_denial_at_once_are_one_decision(postgresql_setup, times):
    setup = postgresql_setup
    for number in range(times):
        request = await setup.ask(number)
        decisions = setup.approve(request, BOSS), setup.decide("deny", request.id, CHIEF)

        done = await asyncio.gather(*decisions, return_exceptions=True)

        (won,) = [each for each in done if isinstance(each, AccessRequest)]
        async with setup.database.write() as session:
            given = (await session.scalars(select(GrantRow.id))).all()
            assert list(given) == ([won.grant_id] if won.grant_id else [])
            await session.execute(delete(GrantRow))


@so_often
async def test_two_simultaneous_requests_of_a_person_are_one(postgresql_setup, times):
    for number in range(times):
        first, second = await asyncio.gather(
            postgresql_setup.ask(2 * number), postgresql_setup.ask(2 * number + 1)
        )
        assert first.id == second.id
        await postgresql_setup.approve(first, BOSS)


async def test_requests_of_two_people_are_two(setup):
    first = await setup.ask(1)
    second = await setup.ask(2, CHIEF)
    assert first.id != second.id


async def test_a_pending_request_is_due_for_its_reminder_and_then_for_its_expiry(setup):
    request = await setup.ask()
    assert request.due_at == NOON + REMIND_AFTER
    assert replace(request, reminded_at=request.due_at).due_at == NOON + LIFETIME


async def test_a_request_and_its_decision_each_schedule_work(setup):
    request = await setup.ask()
    await setup.ask()
    (asked,) = await setup.due()
    await setup.approve(request, BOSS)
    await setup.work.finish(asked, request.expires_at)

    (decided,) = await setup.due()

    assert (asked.key, decided.key) == (request.id, request.id)


async def test_a_message_posted_after_the_decision_is_updated_too(setup):
    request = await setup.ask()
    await setup.requests.add_message(request, "D1", "1.0")
    await setup.approve(request, BOSS)
    seen = await setup.requests.read(request.id)

    await setup.requests.add_message(request, "D2", "2.0")
    await setup.requests.mark_shown(seen, setup.now)
    await setup.requests.mark(seen, notified_at=setup.now)
    again = await setup.requests.read(request.id)

    assert len(await setup.due()) == 1
    assert again.shown_at is None
    assert again.messages == (("D1", "1.0"), ("D2", "2.0"))
    await setup.requests.mark_shown(again, setup.now)
    assert (await setup.requests.read(request.id)).shown_at == setup.now


async def test_a_request_expires_once_and_cannot_be_approved_afterwards(setup):
    request = await setup.ask()
    assert (await setup.requests.expire(request)).is_pending
    setup.now += LIFETIME

    with pytest.raises(AlreadyDecided, match="expired"):
        await setup.approve(request, BOSS)
    for _ in range(2):
        assert (await setup.requests.expire(request)).state is AccessState.EXPIRED
    tags = [row.tag for row in await events_on(setup.database)]
    assert tags == ["slack:access:requested", "slack:admin:refused", "worker:access:expired"]


@pytest.mark.parametrize(
    "standing", [Standing.GUEST, Standing.EXTERNAL, Standing.DEACTIVATED, Standing.UNKNOWN]
)
async def test_a_requester_who_is_no_member_any_more_cannot_be_approved(setup, standing):
    request = await setup.ask()
    setup.standings[ASKER] = standing

    with pytest.raises(RequesterNotMember):
        await setup.approve(request, BOSS)

    (refusal,) = await setup.refusals()
    assert refusal[-1]["code"] == "requester_not_member"
    assert (await setup.requests.read(request.id)).is_pending
    async with setup.database.read() as session:
        assert (await session.scalars(select(GrantRow))).all() == []


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("first", ["approve", "deny"])
async def test_a_second_decision_changes_nothing_and_is_audited(setup, first, verb):
    request = await setup.ask()
    await setup.decide(first, request.id, BOSS)

    with pytest.raises(AlreadyDecided):
        await setup.decide(verb, request.id, CHIEF)

    refused = await setup.refusals()
    payload = {"action": f"{verb}_access", "code": "already_decided", "request_id": request.id}
    assert refused == [("slack:admin:refused", TEAM, CHIEF, "d0", payload)]


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("who", [BOSS, ASKER])
async def test_a_decision_on_an_unknown_request_is_audited_without_its_id(setup, who, verb):
    with pytest.raises(RequestUnknown):
        await setup.decide(verb, "+1 555 0100 made up", who)

    payload = {"button": f"{verb}_access", "code": "request_unknown"}
    assert await setup.refusals() == [("slack:button:refused", TEAM, who, None, payload)]


async def test_a_second_request_joins_the_pending_one_and_is_audited(setup):
    first = await setup.ask(1)
    second = await setup.requests.store(replace(new_request(2), delivery_id="d1", hours=8))

    assert (second.request.id, second.is_new) == (first.id, False)
    assert second.request.hours == 4
    assert [
        (row.tag, row.delivery_id, row.payload["request_id"], row.payload["hours"])
        for row in await events_on(setup.database)
    ] == [("slack:access:requested", "d0", "a1", 4), ("slack:access:joined", "d1", "a1", 8)]


async def test_the_same_submission_again_is_the_same_request_and_audited_once(setup):
    await setup.ask(1)
    assert not (await setup.requests.store(new_request(1))).is_new
    await setup.decide("approve", "a1", BOSS)
    again = await setup.requests.store(new_request(1))
    assert (again.is_new, again.request.state) == (False, AccessState.APPROVED)

    tags = [
        row.tag for row in await events_on(setup.database) if row.tag.startswith("slack:access")
    ]
    assert tags == ["slack:access:requested"]
