"""What the card shows after a deletion, and when that is tried again."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.errors import CallAudioError
from bot.recordings.deliveries.naming import announcement_of
from bot.recordings.deliveries.slack_port import TakenBack
from bot.recordings.take_back.take_back import CHECK_EVERY
from bot.store.database import Database
from bot.store.due_work import Due
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DeliveryRow, DueWorkRow
from tests.recordings.take_back.visible_files import BOB, CHANNEL, TakeBackSetup

DUE = Due(DueWorkKind.TAKE_BACK, "d1", tries=0, claim="", revision=0, was_held=False)
CARD = "1.000000"


@pytest.fixture
async def setup(sqlite_store: Database) -> TakeBackSetup:
    """A raw recording in a channel with a person who is not cleared."""
    setup = TakeBackSetup(sqlite_store, follows=True)
    await setup.clear()
    await setup.put("d1")
    setup.world.channels[CHANNEL].members.add(BOB)
    return setup


async def shown(setup: TakeBackSetup, cause: str, **details: object) -> dict[str, TakenBack]:
    """Return the cards that show this deletion."""
    card = announcement_of(await setup.read())
    return {CARD: replace(TakenBack(card, cause), **details)}


async def is_follower_due(setup: TakeBackSetup) -> bool:
    async with setup.database.read() as session:
        work = select(DueWorkRow).where(DueWorkRow.kind == DueWorkKind.DELIVER)
        return len((await session.scalars(work)).all()) == 1


async def test_the_card_says_why_and_that_the_redacted_recording_follows(setup):
    assert await setup.check() == set()
    assert setup.gateway.cards == await shown(setup, "audience", is_followed=True)
    assert setup.gateway.deleted == [("Fd1", CHANNEL)], "it must provably be gone from there"
    assert await is_follower_due(setup)
    assert await setup.take_back.delete_visible(DUE) is None, "all is done"
    assert setup.gateway.taken_back == ["audience"]


async def test_the_card_names_the_person_who_requested_the_deletion(setup):
    assert await setup.ask_deletion()
    assert await setup.take_back.delete_visible(DUE) is None
    assert setup.gateway.cards == await shown(setup, "asked", deleted_by=BOB)
    assert not await is_follower_due(setup)


async def test_an_unanswered_update_is_repeated_before_the_redacted_recording_follows(setup):
    setup.world.away = frozenset({"card"})
    with capture_logs() as logs:
        assert await setup.check() == set()
        assert await setup.take_back.delete_visible(DUE) == setup.now + CHECK_EVERY
    warning = {"event": "take_back_not_shown", "delivery_id": "d1", "code": "failed"}
    assert logs == [{**warning, "log_level": "warning"}] * 2
    assert (setup.gateway.cards, await is_follower_due(setup)) == ({}, False)

    setup.world.away = frozenset()
    await setup.check(CHECK_EVERY)
    assert setup.gateway.cards == await shown(setup, "audience", is_followed=True)
    assert await is_follower_due(setup)
    assert await setup.causes() == ["audience"]


async def test_a_refused_update_is_not_repeated(setup):
    async def refuse(ts: str, taken_back: TakenBack) -> None:
        del ts, taken_back
        raise CallAudioError

    setup.gateway.show_taken_back = refuse
    with capture_logs():
        assert await setup.check() == set()
    assert await setup.take_back.delete_visible(DUE) is None
    assert await is_follower_due(setup)


@pytest.mark.parametrize(
    ("columns", "follower"),
    [
        pytest.param({"card_ts": None}, None, id="there is none"),
        pytest.param({}, "delivered", id="the redacted recording has put its end on it"),
    ],
)
async def test_a_card_is_not_overwritten(setup, columns, follower):
    if columns:
        await setup.change("d1", **columns)
    setup.world.away = frozenset({"card"} if follower else ())
    with capture_logs():
        await setup.check()
    if follower:
        async with setup.database.write() as session:
            query = select(DeliveryRow).where(DeliveryRow.replaces_id == "d1")
            (await session.scalars(query)).one().state = follower
    setup.world.away = frozenset()
    setup.gateway.cards.clear()

    assert await setup.take_back.delete_visible(DUE) is None
    assert setup.gateway.cards == {}
    assert await is_follower_due(setup), "its end is put on the card again"
