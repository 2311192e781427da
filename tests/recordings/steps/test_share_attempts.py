"""One attempt to share: its result, and what the row says afterwards."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.errors import CallAudioError
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_rows import NO_UPLOAD
from bot.recordings.deliveries.naming import title_of
from bot.recordings.deliveries.slack_errors import ShareUnclear, UploadGone
from bot.recordings.deliveries.slack_port import Share, SharedPicture
from bot.recordings.steps.share_attempts import LONGEST_DECISION_AGE, ShareAttempts, ShareResult
from bot.store.database import Database
from tests.access.builders import Passing
from tests.conftest import NOON
from tests.recordings.steps.test_sharing import Refused, SharingSetup, nothing, taken

FIRST, LATER = True, False
ALONE, PICTURE = None, "F2"


class Slack:
    """Answers one share as a test sets it, and deletes files."""

    def __init__(self) -> None:
        self.answer: CallAudioError | None = None
        self.meanwhile: Callable[[], Awaitable[Any]] = nothing
        self.shared: list[Share] = []
        self.deleted: list[str] = []
        self.deletion: CallAudioError | None = None

    async def share(self, share: Share) -> None:
        await self.meanwhile()
        if self.answer:
            raise self.answer
        self.shared.append(share)

    async def delete_file(self, file_id: str, shown_in: str | None = None) -> None:
        del shown_in
        if self.deletion:
            raise self.deletion
        self.deleted.append(file_id)


class Attempt:
    """A claimed attempt to share an upload of the files F1 and, if asked, F2."""

    def __init__(self, database: Database) -> None:
        self.setup, self.slack = SharingSetup(database), Slack()
        self.deliveries = self.setup.deliveries
        self.attempts = ShareAttempts(deliveries=self.deliveries, slack=self.slack)

    async def claimed(self, picture: str | None) -> Delivery:
        claimed = await self.attempts.claim(await self.setup.uploaded(picture_file_id=picture))
        assert claimed is not None
        return claimed

    async def complete(
        self, delivery: Delivery, *, is_first: bool, age: timedelta = timedelta(0)
    ) -> str:
        """Complete it under a decision of that age; returns the result or the error's code."""
        evaluation = taken(self.setup, before=age)
        try:
            return await self.attempts.complete(delivery, evaluation, is_first=is_first)
        except CallAudioError as error:
            return error.code

    async def stored(self, delivery: Delivery) -> tuple[str | None, str | None, bool]:
        """The files of the row, and whether it has the time of an attempt."""
        now = await self.deliveries.read(delivery.id)
        return now.file_id, now.picture_file_id, now.share_tried_at is not None


@pytest.fixture
def attempt(sqlite_store) -> Attempt:
    return Attempt(sqlite_store)


TRIED, UNTRIED = True, False


@pytest.mark.parametrize(
    ("answer", "picture", "is_first", "result", "row"),
    [
        pytest.param(
            None, ALONE, FIRST, ShareResult.SHARED, ("F1", None, TRIED), id="Slack accepts"
        ),
        pytest.param(
            UploadGone(), ALONE, FIRST, ShareResult.GONE, (None, None, UNTRIED),
            id="a discarded upload is dropped",
        ),
        pytest.param(
            UploadGone(), PICTURE, FIRST, ShareResult.RETRY, ("F1", None, UNTRIED),
            id="the picture may be what was discarded",
        ),
        pytest.param(
            UploadGone(), PICTURE, LATER, ShareResult.UNCLEAR, ("F1", "F2", TRIED),
            id="after a lost answer it may have been completed",
        ),
        pytest.param(
            Refused(), PICTURE, FIRST, ShareResult.RETRY, ("F1", None, UNTRIED),
            id="the picture may be why Slack refuses",
        ),
        pytest.param(
            Refused(), PICTURE, LATER, "slack_refused", ("F1", "F2", TRIED),
            id="after a lost answer the files may be visible",
        ),
        pytest.param(
            Refused(), ALONE, FIRST, "slack_refused", ("F1", None, UNTRIED),
            id="a definite refusal had no effect",
        ),
        pytest.param(
            Refused(), ALONE, LATER, "slack_refused", ("F1", None, TRIED),
            id="an earlier lost attempt may have had an effect",
        ),
        pytest.param(
            Passing(), PICTURE, FIRST, "passing", ("F1", "F2", UNTRIED),
            id="a refusal that may pass is not the picture's",
        ),
        pytest.param(
            ShareUnclear(), PICTURE, FIRST, ShareResult.UNCLEAR, ("F1", "F2", TRIED),
            id="a lost answer",
        ),
    ],
)  # fmt: skip
async def test_an_attempt_is_forgotten_only_if_it_certainly_had_no_effect(
    attempt, answer, picture, is_first, result, row
):
    attempt.slack.answer = answer
    delivery = await attempt.claimed(picture)
    with capture_logs() as logs:
        assert await attempt.complete(delivery, is_first=is_first) == result
    assert await attempt.stored(delivery) == row
    dropped = {"event": "picture_dropped", "delivery_id": delivery.id, "log_level": "info"}
    assert logs == ([dropped] if (picture, row[1]) == (PICTURE, None) else [])


@pytest.mark.parametrize("answer", [UploadGone(), Refused()], ids=["discarded", "refused"])
@pytest.mark.parametrize("picture", [ALONE, PICTURE], ids=["alone", "with a picture"])
async def test_an_attempt_of_another_worker_meanwhile_makes_it_unclear(attempt, answer, picture):
    attempt.slack.answer = answer
    delivery = await attempt.claimed(picture)

    again = {"share_tried_at": NOON + timedelta(minutes=5)}
    attempt.slack.meanwhile = lambda: attempt.deliveries.change(delivery, again)
    with capture_logs():
        assert await attempt.complete(delivery, is_first=FIRST) is ShareResult.UNCLEAR
    assert await attempt.stored(delivery) == ("F1", picture, TRIED)


@pytest.mark.parametrize("is_overtaken", [False, True])
async def test_an_outdated_decision_shares_nothing_and_forgets_its_own_attempt_only(
    attempt, is_overtaken
):
    delivery = await attempt.claimed(ALONE)
    if is_overtaken:
        later = NOON + timedelta(minutes=5)
        await attempt.deliveries.change(delivery, {"share_tried_at": later})
    old = LONGEST_DECISION_AGE + timedelta(microseconds=1)

    found = await attempt.complete(delivery, is_first=FIRST, age=old)

    assert found == (ShareResult.UNCLEAR if is_overtaken else ShareResult.RETRY)
    assert await attempt.stored(delivery) == ("F1", None, is_overtaken)
    assert attempt.slack.shared == []


@pytest.mark.parametrize("picture", [ALONE, PICTURE], ids=["alone", "with its picture"])
async def test_the_upload_is_shared_in_its_thread_with_its_picture(attempt, picture):
    delivery = await attempt.claimed(picture)
    await attempt.complete(delivery, is_first=FIRST)
    title = title_of(delivery)
    shown = SharedPicture("F2", f"{title}, waveform") if picture else None
    assert attempt.slack.shared == [Share("F1", title, "C1", "1.0", shown)]


@pytest.mark.parametrize("missing", ["file_id", "channel_id", "parent_ts"])
async def test_without_a_file_or_a_thread_there_is_nothing_to_share(attempt, missing):
    delivery = replace(await attempt.claimed(ALONE), **{missing: None})
    assert await attempt.complete(delivery, is_first=FIRST) is ShareResult.GONE
    assert attempt.slack.shared == []


@pytest.mark.parametrize("can_be_deleted", [True, False])
@pytest.mark.parametrize(
    "meanwhile",
    [dict(NO_UPLOAD), {"state": State.REFUSED.value}, {"state": State.FAILED.value}],
    ids=["dropped", "refused", "failed"],
)
async def test_a_share_that_another_worker_decided_against_is_taken_back(
    attempt, meanwhile, can_be_deleted
):
    attempt.slack.deletion = None if can_be_deleted else Refused()
    delivery = await attempt.claimed(PICTURE)
    attempt.slack.meanwhile = lambda: attempt.deliveries.change(delivery, meanwhile)
    with capture_logs() as logs:
        assert await attempt.complete(delivery, is_first=FIRST) is ShareResult.GONE

    assert attempt.slack.deleted == (["F1", "F2"] if can_be_deleted else [])
    assert {"F1", "F2"} <= await attempt.setup.known_files(delivery), "a later check deletes them"
    warning = {"delivery_id": delivery.id, "code": "slack_refused"}
    warning |= {"event": "dropped_share_not_deleted"}
    assert logs == ([] if can_be_deleted else [{**warning, "log_level": "warning"}])
