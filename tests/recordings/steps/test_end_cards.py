"""What the card of a delivery shows after its end, and when it is left alone."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.deliveries.delivery_rows import muted_columns
from bot.recordings.deliveries.naming import announcement_of
from bot.recordings.deliveries.slack_port import Delivered, TakenBack
from bot.store.database import Database
from bot.store.due_work import DueWork
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DeliveryRow
from tests.conftest import NOON
from tests.recordings.requests.test_request_store import CALL
from tests.recordings.steps.test_notification import DAY, Away, NotificationSetup

MUTED = SpanSummary(1, 2.5, (Span(1.0, 3.5),))
TRANSCRIPT = {"kind": DeliveryKind.TRANSCRIPT.value}
REDACTED = {"outcome": "redacted", "reason": "asked"}


@pytest.fixture
def setup(sqlite_store: Database) -> NotificationSetup:
    return NotificationSetup(sqlite_store)


async def test_the_card_of_a_raw_recording_shows_its_facts_and_when_it_is_deleted(setup):
    delivery = await setup.ended(
        direction="user",
        size_bytes=1044,
        length_seconds=4.5,
        encoding="GSM",
        picture_file_id="F2",
        **muted_columns(MUTED),
    )
    assert await setup.notify(delivery) is None
    card = Delivered(
        announcement=announcement_of(delivery),
        outcome="raw",
        reason="cleared",
        direction=Direction.USER,
        size_bytes=1044,
        length_seconds=4.5,
        encoding="GSM",
        call=CallFacts(CALL),
        deleted_at=NOON + DAY,
        muted=MUTED,
        has_picture=True,
        is_for_all_here=True,
    )
    assert setup.gateway.shown == [("1.0", card)]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        pytest.param(
            REDACTED, {**REDACTED, "deleted_at": None, "is_for_all_here": False}, id="redacted"
        ),
        pytest.param({"destination_is_private": False}, {"is_public": True}, id="public"),
        pytest.param({"destination_is_private": None}, {}, id="perhaps public"),
        pytest.param(
            {"destination_channel_id": "D0ALICE000"},
            {"is_for_all_here": False},
            id="direct messages",
        ),
        pytest.param({"agent_name": "removed"}, {"call": None}, id="an agent removed meanwhile"),
        pytest.param(TRANSCRIPT, {"call": None, "is_follow_up": True}, id="a transcript"),
    ],
)
async def test_the_card_shows_what_differs(setup, changes, shown):
    await setup.notify(usual := await setup.ended())
    delivery = await setup.ended("d2", card_ts="2.0", parent_ts="2.0", **changes)
    await setup.notify(delivery)
    (_, card), (ts, changed) = setup.gateway.shown
    assert ts == "2.0"
    assert changed == replace(card, announcement=announcement_of(delivery), **shown)
    assert card.announcement == announcement_of(usual)


async def test_a_file_that_slack_does_not_show_yet_is_said_to_be_unconfirmed(setup):
    await setup.notify(await setup.ended(state="unconfirmed"))
    ((_, card),) = setup.gateway.shown
    assert not card.is_confirmed


@pytest.mark.parametrize(
    ("changes", "is_for_all"),
    [({}, False), (TRANSCRIPT, True), ({**TRANSCRIPT, **REDACTED}, False)],
    ids=["a recording", "a transcript", "redacted"],
)
async def test_under_the_requester_rule_only_the_card_of_a_transcript_says_that_all_may_hear(
    sqlite_store, changes, is_for_all
):
    setup = NotificationSetup(sqlite_store, audience_must_be_cleared=False)
    await setup.notify(await setup.ended(**changes))
    ((_, card),) = setup.gateway.shown
    assert card.is_for_all_here is is_for_all


async def test_without_retention_no_deletion_is_announced(sqlite_store):
    setup = NotificationSetup(sqlite_store, keep_raw=None)
    await setup.notify(await setup.ended())
    ((_, card),) = setup.gateway.shown
    assert card.deleted_at is None


async def test_the_facts_of_a_call_are_shown_once_in_a_thread(setup):
    await setup.notify(await setup.ended())
    await setup.notify(await setup.ended("d2", card_ts="2.0"))
    first, second = (card for _, card in setup.gateway.shown)
    assert (first.is_follow_up, first.call) == (False, CallFacts(CALL))
    assert (second.is_follow_up, second.call) == (True, None)


async def test_the_redacted_recording_that_follows_says_why_it_replaces_the_raw_one(setup):
    raw = await setup.ended(taken_back_at=NOON, taken_back_cause="audience")
    follower = await setup.ended("d2", replaces_id=raw.id, **REDACTED)
    await setup.notify(follower)
    ((_, card),) = setup.gateway.shown
    assert card.replaced_because == "audience"


async def test_the_card_of_a_take_back_is_not_changed_if_no_redacted_recording_can_follow(setup):
    raw = await setup.ended(taken_back_at=NOON, taken_back_cause="audience")
    follower = await setup.ended("d2", state="failed", replaces_id=raw.id, share_tried_at=None)
    assert await setup.notify(follower) is None
    assert setup.gateway.shown == [("1.0", TakenBack(announcement_of(raw), "audience"))]
    assert setup.gateway.cards == ["taken back"], "it is not withdrawn"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"taken_back_at": NOON}, id="taken back"),
        pytest.param({"card_ts": None}, id="delivered without a card"),
        pytest.param({"state": "refused", "card_ts": None}, id="refused before there was a card"),
        pytest.param({"state": "refused", "destination_channel_id": None}, id="no destination"),
    ],
)
async def test_a_missing_or_replaced_card_is_not_updated(setup, changes):
    assert await setup.notify(await setup.ended(**changes)) is None
    assert setup.gateway.cards == []


@pytest.mark.parametrize("is_shown", [True, False], ids=["shown", "perhaps shown"])
async def test_a_card_of_a_file_taken_back_meanwhile_is_corrected_by_the_take_back(setup, is_shown):
    delivery = await setup.ended()
    work = DueWork(database=setup.database, clock=lambda: setup.now, lease=DAY)
    assert await work.claim(DueWorkKind.TAKE_BACK, 9, takes_over=False) == []
    read = setup.gateway.show_delivered

    async def show_delivered(ts: str, delivered: Delivered) -> None:
        await read(ts, delivered)
        async with setup.database.write() as session:
            row = await session.get(DeliveryRow, delivery.id)
            assert row
            row.taken_back_at = NOON
        if not is_shown:
            raise Away

    setup.gateway.show_delivered = show_delivered
    with capture_logs():
        await setup.telling.notify_end(delivery.id)
    assert [each.key for each in await work.claim(DueWorkKind.TAKE_BACK, 9, takes_over=False)] == [
        delivery.id
    ]
