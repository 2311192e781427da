"""A failure is stored for the row as it stands, whatever another worker did to it meanwhile."""

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select

from bot.metrics import Metrics
from bot.recordings.endings import Endings
from bot.recordings.file_checks import Rhythm
from bot.recordings.posting import Problem
from bot.recordings.record import Delivery, DeliveryLog
from bot.recordings.retention import LOOK_EVERY
from bot.store.database import Database
from bot.store.tables import LeftFileRow
from tests.conftest import NOON
from tests.recordings.test_requests import Desk
from tests.recordings.test_telling import REQUEST

PROBLEM = Problem(code="busy", what="It cannot be done.", likely_cause="", fix="")


class Overtaken(DeliveryLog):
    """Another worker changes the row right after it was read for the first time."""

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
async def test_what_another_worker_began_to_share_meanwhile_is_left_to_retention(
    database: Database, meanwhile: dict[str, str | datetime], left: list[str]
) -> None:
    stored = await Desk(database).store(replace(REQUEST))
    log = Overtaken(database, **meanwhile)
    rhythm = Rhythm(keep=None, look_every=LOOK_EVERY)
    endings = Endings(
        deliveries=log,
        sharing=None,  # type: ignore[arg-type] - nothing is withdrawn
        metrics=Metrics(),
        rhythm=rhythm,
    )

    assert await endings.fail(stored.delivery_id, PROBLEM) == "failed"

    async with database.read() as session:
        found = await session.scalars(select(LeftFileRow.file_id).order_by(LeftFileRow.file_id))
        assert list(found) == left
