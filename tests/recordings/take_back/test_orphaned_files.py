"""A file that no delivery refers to is deleted until Slack can no longer show it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.recordings.deliveries.orphaned_files import STAYS_UNSEEN_AFTER, OrphanedFile, OrphanedFiles
from bot.recordings.take_back.take_back import CHECK_EVERY, UNSEEN_EVERY, UNSEEN_TRIES
from bot.store.database import Database
from bot.store.due_work import Due
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import OrphanedFileRow
from tests.access.outside import File
from tests.conftest import NOON
from tests.recordings.take_back.visible_files import CHANNEL, TEAM, TakeBackSetup

DUE = Due(DueWorkKind.DELETE_ORPHANED_FILE, "F1", tries=0, claim="", revision=0, was_held=False)
DELETED = {"file_id": "F1", "channel_id": CHANNEL, "cause": "unfinished"}


@pytest.fixture
async def setup(sqlite_store: Database) -> TakeBackSetup:
    setup = TakeBackSetup(sqlite_store)
    place = {"delivery_id": "d1", "team_id": TEAM, "channel_id": CHANNEL}
    until = NOON + STAYS_UNSEEN_AFTER
    async with sqlite_store.write() as session:
        session.add(OrphanedFileRow(file_id="F1", watched_until_at=until, **place))
    return setup


async def test_an_orphaned_file_is_deleted_at_each_try_and_recorded_once_at_the_last(setup):
    orphaned_files = OrphanedFiles(database=setup.database, clock=setup.clock)
    file = await orphaned_files.read("F1")
    for later in (timedelta(0), STAYS_UNSEEN_AFTER - timedelta(seconds=1)):
        setup.now = NOON + later
        setup.gateway.visible["F1"] = File(CHANNEL, is_raw=True)
        assert await setup.take_back.delete_orphaned(DUE) == setup.now + CHECK_EVERY
        assert (setup.gateway.visible, await setup.payloads()) == ({}, [])

    setup.now = NOON + STAYS_UNSEEN_AFTER
    setup.gateway.visible["F1"] = File(CHANNEL, is_raw=True)
    for _ in range(2):
        assert await setup.take_back.delete_orphaned(DUE) is None
    assert await orphaned_files.remove_deleted(file, "unfinished"), "as a slower worker does"
    assert await setup.payloads() == [DELETED]
    assert setup.gateway.deleted == [("F1", CHANNEL)] * 3, "it must provably be gone from there"


async def test_a_refused_deletion_is_repeated_at_any_later_time(setup):
    setup.now = NOON + STAYS_UNSEEN_AFTER
    setup.world.away = frozenset({"delete"})
    with capture_logs() as logs:
        assert await setup.take_back.delete_orphaned(DUE) == setup.now + CHECK_EVERY
    warning = {"event": "orphaned_file_not_deleted", "delivery_id": "d1", "code": "failed"}
    assert logs == [{**warning, "log_level": "warning"}]
    assert await setup.payloads() == []
    setup.world.away = frozenset()
    assert await setup.take_back.delete_orphaned(DUE) is None
    assert await setup.payloads() == [DELETED]


async def test_a_file_that_slack_hides_for_a_day_is_recorded_once_and_then_tried_daily(setup):
    setup.now = NOON + STAYS_UNSEEN_AFTER
    setup.gateway.visible["F1"] = File(CHANNEL, is_raw=True, is_hidden=True)
    for tries, again in [
        (UNSEEN_TRIES - 1, CHECK_EVERY),
        (UNSEEN_TRIES, UNSEEN_EVERY),
        (UNSEEN_TRIES + 1, UNSEEN_EVERY),
    ]:
        due = replace(DUE, tries=tries)
        assert await setup.take_back.delete_orphaned(due) == setup.now + again
    assert (await setup.payloads(), await setup.payloads("out_of_reach")) == ([], [DELETED])


@pytest.mark.parametrize("share_ts", [None, "9.0"], ids=["not shown yet", "shown"])
async def test_a_file_taken_back_before_slack_showed_it_is_watched_for_a_while(setup, share_ts):
    await setup.put("d1", state="delivered" if share_ts else "unconfirmed")
    delivery = await setup.read("d1")
    setup.now += CHECK_EVERY
    assert await setup.taken_back(replace(delivery, share_ts=share_ts), "audience")

    file = await setup.take_back._orphaned_files.read("Fd1")
    until = setup.now + STAYS_UNSEEN_AFTER
    assert file == (None if share_ts else OrphanedFile("Fd1", "d1", TEAM, CHANNEL, until))
