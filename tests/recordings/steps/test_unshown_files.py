"""Files that Slack accepted: they are waited for, and dropped if it shows them nowhere."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.audit.events import AuditTag
from bot.recordings.deliveries.delivery import State
from bot.recordings.steps.sharing import Sharing
from tests.recordings.deliveries.rows import later_events
from tests.recordings.steps.test_sharing import Refused, SharingSetup


class Slack:
    """Shows a file after some looks; ``left_out``: whether it has finished with the file."""

    def __init__(self, *, looks: int = 99, left_out: bool = True, deletes: bool = True) -> None:
        self.looks, self.left_out, self.deletes = looks, left_out, deletes
        self.asked: list[tuple[str, str]] = []
        self.deleted: list[str] = []

    async def find_share(self, file_id: str, channel_id: str) -> str | None:
        self.asked.append((file_id, channel_id))
        return "2.0" if len(self.asked) >= self.looks else None

    async def is_left_out(self, file_id: str, channel_id: str) -> bool:
        assert (file_id, channel_id) == ("F1", "C1")
        return self.left_out

    async def delete_file(self, file_id: str, shown_in: str | None = None) -> None:
        assert shown_in == "C1", "they must provably be gone from it"
        if not self.deletes:
            raise Refused
        self.deleted.append(file_id)


@pytest.fixture
def setup(sqlite_store) -> SharingSetup:
    return SharingSetup(sqlite_store)


def sharing(setup: SharingSetup, slack: Slack, waits: list[float]) -> Sharing:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return Sharing(
        deliveries=setup.deliveries,
        decider=None,
        slack=slack,
        visibility_waits_seconds=(1, 2),
        sleep=sleep,
    )


@pytest.mark.parametrize(
    ("looks", "ts", "waited"),
    [(1, "2.0", []), (2, "2.0", [1]), (3, "2.0", [1, 2]), (4, None, [1, 2])],
)
async def test_a_file_is_looked_for_until_the_waits_are_over(setup, looks, ts, waited):
    slack, waits = Slack(looks=looks), []
    found = await sharing(setup, slack, waits).find(await setup.uploaded())
    assert (found, waits) == (ts, waited)
    assert slack.asked == [("F1", "C1")] * min(looks, 3)


async def test_a_file_is_looked_for_where_its_channel_has_another_id_by_now(setup):
    slack = Slack()
    delivery = await setup.uploaded()
    looking = sharing(setup, slack, [])

    async def get_another_id(_seconds: float) -> None:
        await setup.deliveries.change(delivery, {"destination_channel_id": "C9"})

    looking._sleep = get_another_id
    assert await looking.find(delivery) is None
    assert slack.asked == [("F1", "C1"), ("F1", "C9"), ("F1", "C9")]


@pytest.mark.parametrize("missing", ["file_id", "channel_id"])
async def test_without_a_file_or_destination_nothing_is_looked_for(setup, missing):
    slack = Slack(looks=1)
    delivery = replace(await setup.uploaded(), **{missing: None})
    assert await sharing(setup, slack, []).find(delivery) is None
    assert slack.asked == []


async def test_files_that_slack_shows_nowhere_are_deleted_and_sent_again_without_the_picture(setup):
    slack = Slack()
    delivery = await setup.uploaded(picture_file_id="F2")
    assert await sharing(setup, slack, []).drop_unshown(delivery) is True
    assert slack.deleted == ["F1", "F2"]
    now = await setup.deliveries.read(delivery.id)
    assert (now.file_ids, now.without_picture, now.state) == ((), True, State.ANNOUNCED)
    files = {"file_id": "F1", "picture_file_id": "F2"}
    assert await later_events(setup.database) == [(AuditTag.DELIVERY_UNSHOWN, files)]


@pytest.mark.parametrize(
    ("picture", "slack"),
    [
        pytest.param(None, Slack(), id="there was no picture to blame"),
        pytest.param("F2", Slack(left_out=False), id="Slack still processes them"),
        pytest.param("F2", Slack(deletes=False), id="they cannot be deleted"),
    ],
)
async def test_unshown_files_are_kept_if_dropping_them_could_cause_a_second_post(
    setup, picture, slack
):
    delivery = await setup.uploaded(picture_file_id=picture)
    with capture_logs() as logs:
        assert await sharing(setup, slack, []).drop_unshown(delivery) is False
    assert slack.deleted == []
    assert (await setup.deliveries.read(delivery.id)).file_ids == delivery.file_ids
    warning = {"delivery_id": delivery.id, "code": "slack_refused"}
    warning |= {"event": "unshown_files_not_deleted"}
    assert logs == ([] if slack.deletes else [{**warning, "log_level": "warning"}])


async def test_unshown_files_that_another_worker_replaced_are_not_dropped_twice(setup):
    delivery = await setup.uploaded(picture_file_id="F2")
    await setup.deliveries.change(delivery, {"file_id": "F3"})
    assert await sharing(setup, Slack(), []).drop_unshown(delivery) is False
    assert (await setup.deliveries.read(delivery.id)).file_id == "F3"
