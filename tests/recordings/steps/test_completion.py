"""A failure is stored for the current row, even if another worker changed it meanwhile."""

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select

from bot.observability.metrics import Metrics
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.recordings.deliveries.slack_port import Problem
from bot.recordings.steps.completion import Completion
from bot.recordings.take_back.take_back import CHECK_EVERY
from bot.store.database import Database
from bot.store.tables import OrphanedFileRow
from tests.conftest import NOON
from tests.recordings.requests.test_request_store import RequestStoreSetup
from tests.recordings.steps.test_notification import REQUEST

PROBLEM = Problem(code="busy", what="It cannot be done.", likely_cause="", fix="")


class Overtaken(DeliveryStore):
    """Another worker changes the row after it was read for the first time."""

    def __init__(self, database: Database, **changes: object) -> None:
        super().__init__(database=database, clock=lambda: NOON)
        self.changes = changes

    async def read(self, delivery_id: str) -> Delivery:
        delivery = await super().read(delivery_id)
        if self.changes:
            changes, self.changes = self.changes, {}
            await self.change(delivery, changes)
        return delivery


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        pytest.param({"file_id": "F0NEW"}, [], id="uploaded, and never shared"),
        pytest.param({"file_id": "F0NEW", "share_tried_at": NOON}, ["F0NEW"], id="perhaps visible"),
        pytest.param(
            {"file_id": "F0NEW", "picture_file_id": "F0PIC", "share_tried_at": NOON},
            ["F0NEW", "F0PIC"],
            id="with its picture",
        ),
    ],
)
async def test_a_share_begun_by_another_worker_meanwhile_is_left_to_retention(
    database: Database, meanwhile: dict[str, str | datetime], left: list[str]
) -> None:
    stored = await RequestStoreSetup(database).store(replace(REQUEST))
    log = Overtaken(database, **meanwhile)
    check_schedule = FileCheckSchedule(keep=None, check_every=CHECK_EVERY)
    completion = Completion(
        deliveries=log,
        sharing=None,  # type: ignore[arg-type] - nothing is withdrawn
        metrics=Metrics(),
        check_schedule=check_schedule,
    )

    assert await completion.fail(stored.delivery_id, PROBLEM) == "failed"

    async with database.read() as session:
        found = await session.scalars(
            select(OrphanedFileRow.file_id).order_by(OrphanedFileRow.file_id)
        )
        assert list(found) == left
