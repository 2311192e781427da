"""When the redacted variant follows a raw recording that was taken back."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from bot.audit.log import AuditFilter, all_events
from bot.recordings.deliveries.delivery import Delivery, DeliveryKind
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.requests.fair_queue import flow_of
from bot.recordings.take_back.redacted_follow_ups import enqueue_follower
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import first_of
from bot.store.tables import DeliveryRow, DueWorkRow
from tests.conftest import NOON
from tests.recordings.take_back.visible_files import ALICE, BOB, TEAM, TakeBackSetup

FOLLOWED = {
    TakeBackCause.RIGHT_ENDED,
    TakeBackCause.EXTERNAL,
    TakeBackCause.PUBLIC,
    TakeBackCause.AUDIENCE,
    TakeBackCause.FORWARDED,
    TakeBackCause.PUBLIC_LINK,
    TakeBackCause.UNVERIFIED,
}


@pytest.fixture
def setup(database: Database) -> TakeBackSetup:
    return TakeBackSetup(database, follows=True)


async def raw_file(
    setup: TakeBackSetup, delivery_id: str = "d1", user: str = ALICE, **columns: object
) -> Delivery:
    usual = {"enterprise_id": "E0ORG", "direction": "user", "asked_thread_ts": "1.0"}
    places = {"parent_ts": "1.0", "card_ts": "2.0", "share_ts": "3.0"}
    await setup.put(delivery_id, user=user, **{**usual, **places, **columns})
    return await setup.read(delivery_id)


async def taken_back(
    setup: TakeBackSetup, delivery: Delivery, cause: TakeBackCause
) -> Delivery | None:
    """Store the take-back; returns the delivery that follows."""
    for is_first in (True, False):  # a second take-back changes nothing
        assert (await setup.taken_back(delivery, cause.value) is not None) is is_first
    return await setup.follow_ups.follower_of(delivery)


@pytest.mark.parametrize("cause", TakeBackCause)
async def test_a_redacted_variant_follows_if_raw_may_no_longer_be_heard(setup, cause):
    follower = await taken_back(setup, await raw_file(setup), cause)
    assert (follower is not None) == (cause in FOLLOWED)
    async with setup.database.read() as session:
        events = [each async for each in all_events(session, AuditFilter())]
    tags = [each.tag for each in events]
    expected = ["retention:file:taken_back", "retention:delivery:downgraded"]
    assert tags == expected[: 1 + (cause in FOLLOWED)]
    if follower:
        assert (events[-1].actor_id, events[-1].delivery_id) == ("system", follower.id)
        whose = {"replaces": "d1", "subject_id": ALICE}
        assert events[-1].payload == events[-1].payload | whose


@pytest.mark.parametrize(
    ("columns", "is_on"),
    [
        pytest.param({"delete_asked_by": ALICE}, True, id="somebody pressed Delete"),
        pytest.param({"kind": DeliveryKind.TRANSCRIPT}, True, id="a transcript"),
        pytest.param({}, False, id="switched off"),
    ],
)
async def test_no_redacted_variant_follows(database, columns, is_on):
    setup = TakeBackSetup(database, follows=is_on)
    delivery = await raw_file(setup, **columns)
    # Read before *Delete* was pressed: the state within the transaction counts.
    stale = replace(delivery, delete_asked_by=None)
    assert await taken_back(setup, stale, TakeBackCause.AUDIENCE) is None


async def test_the_redacted_variant_has_the_same_requester_and_card(setup):
    delivery = await raw_file(setup, asked_channel_id=ALICE)  # asked for in direct messages
    follower = await taken_back(setup, delivery, TakeBackCause.AUDIENCE)
    assert follower
    same = ("team_id", "enterprise_id", "user_id", "agent_name", "conversation_id", "direction")
    place = ("channel_id", "origin_channel_id", "asked_thread_ts", "parent_ts", "card_ts")
    for each in (*same, *place):
        assert getattr(follower, each) == getattr(delivery, each), each
    assert follower.asked_channel_id == delivery.channel_id
    assert (follower.replaces_id, follower.asked_redacted) == ("d1", True)
    assert (follower.state, follower.outcome, follower.file_id) == ("requested", None, None)
    assert follower.response_url is None
    async with setup.database.read() as session:
        work = select(DueWorkRow.kind).where(DueWorkRow.key == follower.id)
        assert (await session.scalars(work)).all() == [], "the card says first that raw is gone"


async def test_a_redacted_variant_waits_in_turn_behind_requests_of_people(setup):
    for number, user in enumerate((ALICE, ALICE, ALICE, BOB)):
        delivery = await raw_file(setup, f"d{number}", user)
        follower = await taken_back(setup, delivery, TakeBackCause.AUDIENCE)
        assert follower
        async with setup.database.write() as session:
            await enqueue_follower(session, follower, NOON)
    async with setup.database.read() as session:
        rows = (
            await session.scalars(select(DueWorkRow).where(DueWorkRow.kind == DueWorkKind.DELIVER))
        ).all()
        followers = (
            await session.scalars(select(DeliveryRow.id).where(DeliveryRow.replaces_id.isnot(None)))
        ).all()
    assert sorted(each.key for each in rows) == sorted(followers)
    first = first_of(flow_of(TEAM, "downgrade"))
    turns = sorted((each.requester, each.turn - first) for each in rows)
    alice, bob = f"{TEAM}:{ALICE} downgrade", f"{TEAM}:{BOB} downgrade"
    assert turns == [(alice, 0), (alice, 1), (alice, 2), (bob, 1)], "one a person in each round"
