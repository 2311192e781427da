"""The store of deliveries: each change happens once, before the end, and with its audit event."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.access.policy import Outcome
from bot.audit.events import AuditTag
from bot.audit.log import AuditFilter, newest_events
from bot.recordings.deliveries.delivery import ENDED, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.store.tables import DeliveryRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import later_events, stored_delivery
from tests.recordings.requests.builders import changed_request
from tests.recordings.requests.test_request_store import CALL, REQUEST

LATER = NOON + timedelta(minutes=1)
DECIDED = {"state": "decided", "outcome": "raw", "reason": "cleared"}


@pytest.fixture
def deliveries(database) -> DeliveryStore:
    return DeliveryStore(database=database, clock=lambda: LATER)


@pytest.fixture
async def delivery(database):
    return await stored_delivery(database)


async def tags(database) -> list[str]:
    """Return the tags recorded after the request."""
    return [tag for tag, _ in await later_events(database)]


def end(deliveries, delivery, state=State.DELIVERED, tag=AuditTag.DELIVERY_DELIVERED):
    return deliveries.change(delivery, deliveries.ending(state), tag=tag)


async def test_a_new_delivery_has_no_decision_and_is_not_raw(delivery):
    assert (delivery.conversation_id, delivery.requested_at) == (CALL, NOON)
    assert (delivery.state, delivery.outcome, delivery.response_url) == (
        State.REQUESTED,
        None,
        None,
    )
    assert not delivery.is_raw
    assert not delivery.has_ended


async def test_an_unknown_id_is_no_delivery(deliveries):
    with pytest.raises(LookupError, match="dnobody"):
        await deliveries.read("dnobody")


async def test_a_change_and_its_event_are_written_together(deliveries, delivery, database):
    changed = await deliveries.change(
        delivery, DECIDED, tag=AuditTag.DELIVERY_DECIDED, payload={"outcome": "raw"}
    )
    assert changed
    after = await deliveries.read(delivery.id)
    assert (after.state, after.outcome, after.is_raw) == (State.DECIDED, Outcome.RAW, True)
    async with database.read() as session:
        (event,) = await newest_events(session, AuditFilter(), 1)
    assert (event.tag, event.actor_id) == ("policy:delivery:decided", "system")
    assert (event.delivery_id, event.occurred_at) == (delivery.id, LATER)
    assert event.payload == {"outcome": "raw"}


async def test_a_change_does_not_happen_if_its_event_cannot_be_written(
    deliveries, delivery, database
):
    with pytest.raises(TypeError):
        await deliveries.change(
            delivery, DECIDED, tag=AuditTag.DELIVERY_DECIDED, payload={"bad": object()}
        )
    assert (await deliveries.read(delivery.id)).state is State.REQUESTED
    assert await tags(database) == []


async def test_a_change_without_a_tag_leaves_no_event(deliveries, delivery, database):
    assert await deliveries.change(delivery, {"parent_ts": "1700000000.000100"})
    assert (await deliveries.read(delivery.id)).parent_ts == "1700000000.000100"
    assert await tags(database) == []


async def test_a_step_that_runs_twice_changes_and_records_once(deliveries, delivery, database):
    async def announce(ts):
        return await deliveries.change(
            delivery, {"parent_ts": ts}, tag=AuditTag.DELIVERY_ANNOUNCED, when={"parent_ts": None}
        )

    first, second = await announce("1.1"), await announce("2.2")
    assert first is not None
    assert first.parent_ts == "1.1"
    assert second is None
    assert (await deliveries.read(delivery.id)).parent_ts == "1.1"
    assert await tags(database) == ["worker:delivery:announced"]


@pytest.mark.parametrize("state", sorted(ENDED))
async def test_nothing_changes_after_the_end(deliveries, delivery, database, state):
    assert await end(deliveries, delivery, state)
    assert not await deliveries.change(delivery, DECIDED, tag=AuditTag.DELIVERY_DECIDED)
    assert not await end(deliveries, delivery, State.FAILED, AuditTag.DELIVERY_FAILED)
    after = await deliveries.read(delivery.id)
    assert (after.state, after.has_ended, after.outcome) == (state, True, None)
    assert after.ended_at == LATER
    assert await tags(database) == ["worker:delivery:delivered"]


async def test_only_one_of_two_simultaneous_ends_counts(deliveries, delivery, database):
    ended = await asyncio.gather(
        end(deliveries, delivery), end(deliveries, delivery, State.FAILED, AuditTag.DELIVERY_FAILED)
    )
    assert sorted(map(bool, ended)) == [False, True]
    assert len(await tags(database)) == 1


async def test_the_response_url_is_a_secret_and_is_removed_when_forgotten(deliveries, database):
    url = "https://hooks.slack.com/commands/T1/secret"
    request = changed_request(REQUEST, response_url=SecretStr(url))
    delivery = await stored_delivery(database, request)
    assert delivery.response_url.get_secret_value() == url
    assert url not in repr(delivery)
    assert await end(deliveries, delivery)
    await deliveries.note_notified(delivery, is_all=False)
    assert (await deliveries.read(delivery.id)).response_url
    await deliveries.note_notified(delivery, is_all=True)
    assert (await deliveries.read(delivery.id)).response_url is None


async def test_giving_up_the_note_is_recorded_once_and_forgets_the_response_url(
    deliveries, delivery, database
):
    assert await end(deliveries, delivery)

    await deliveries.note_notify_failed(delivery, {"code": "slack_unreachable"})
    await deliveries.note_notify_failed(delivery, {"code": "slack_unreachable"})

    assert (await tags(database)).count("worker:delivery:untold") == 1
    async with database.read() as session:
        found = await session.get(DeliveryRow, delivery.id)
    assert (found.notify_failed_at, found.notified_at, found.response_url) == (LATER, None, None)


async def test_a_delivered_note_is_never_recorded_as_given_up(deliveries, delivery, database):
    assert await end(deliveries, delivery)
    await deliveries.note_notified(delivery, is_all=False)

    await deliveries.note_notify_failed(delivery, {"code": "slack_unreachable"})

    assert "worker:delivery:untold" not in await tags(database)
