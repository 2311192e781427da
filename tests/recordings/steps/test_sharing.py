"""Two workers share one upload: one stalled, and the other has taken over."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.access.policy import Decision, Outcome, Reason, audited_facts
from bot.access.policy_evaluation import Evaluation
from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.jobs.work_loop import LEASE
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_rows import NO_UPLOAD
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.slack_errors import ShareUnclear, UploadGone
from bot.recordings.deliveries.slack_port import Share
from bot.recordings.redaction.canary_store import CanaryResult, CanaryStore, CanaryVerdict
from bot.recordings.steps.share_attempts import LONGEST_DECISION_AGE, DecisionOutdated, ShareResult
from bot.recordings.steps.sharing import MOST_TRIES_IN_A_ROW, Sharing
from bot.store.database import Database
from bot.store.tables import OrphanedFileRow
from tests.access.builders import EVERYTHING_SPEAKS_FOR_RAW, Passing
from tests.conftest import NOON
from tests.recordings.deliveries.rows import later_events, stored_delivery


async def nothing() -> None:
    """Change nothing meanwhile."""


QUESTION = object()


class Decider:
    """Returns outcomes in turn, repeating the last; ``meanwhile`` runs during each decision."""

    def __init__(
        self, *outcomes: Outcome, meanwhile: Callable[[], Awaitable[Any]] = nothing
    ) -> None:
        self._outcomes, self._meanwhile = list(outcomes), meanwhile
        self.decided = 0

    async def decide(self, question: object, delivery: Delivery) -> Evaluation:
        assert question is QUESTION
        assert isinstance(delivery, Delivery)
        self.decided += 1
        await self._meanwhile()
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        return Evaluation(
            Decision(outcome, Reason.CLEARED), EVERYTHING_SPEAKS_FOR_RAW, self.clock()
        )

    def clock(self) -> datetime:
        """The setup's clock; set by ``SharingSetup.share``."""
        raise NotImplementedError


class Slack:
    """Completes an upload once, and refuses the second time as Slack does."""

    def __init__(self) -> None:
        self.visible: set[str] = set()
        self.deleted: list[str] = []
        self.lost_answer = self.is_lost = False
        self.second: CallAudioError = UploadGone()
        self.before_share: Callable[[], Awaitable[Any]] = nothing
        self.turn: Callable[[], Awaitable[Any]] = nothing
        self.before_look: Callable[[], Awaitable[Any]] = nothing

    async def await_share_turn(self) -> None:
        turn, self.turn = self.turn, nothing
        await turn()

    async def share(self, share: Share) -> None:
        before, self.before_share = self.before_share, nothing
        await before()
        if share.file_id in self.visible:
            raise self.second
        if not self.is_lost:
            self.visible.add(share.file_id)
        if self.lost_answer:
            raise ShareUnclear

    async def find_share(self, file_id: str, channel_id: str) -> str | None:
        del channel_id
        before, self.before_look = self.before_look, nothing
        await before()
        return "2.0" if file_id in self.visible else None

    async def delete_file(self, file_id: str, shown_in: str | None = None) -> None:
        del shown_in
        self.deleted.append(file_id)
        self.visible.discard(file_id)


class SharingSetup:
    """A raw recording that is uploaded and not shared."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.deliveries = DeliveryStore(database=database, clock=lambda: self.now)
        self.slack = Slack()
        self._canaries = CanaryStore(database=database, clock=lambda: self.now)

    async def uploaded(self, **changes: Any) -> Delivery:
        usual = {
            "file_id": "F1",
            "destination_channel_id": "C1",
            "card_ts": "1.0",
            "parent_ts": "1.0",
            "outcome": Outcome.RAW.value,
            "state": State.UPLOADED.value,
        }
        return await stored_delivery(self.database, **{**usual, **changes})

    async def share(
        self, delivery: Delivery, decider: Decider, evaluation: Evaluation | None = None
    ) -> ShareResult:
        decider.clock = lambda: self.now
        sharing = Sharing(
            deliveries=self.deliveries,
            decider=decider,
            slack=self.slack,
            visibility_waits_seconds=(),
        )
        with capture_logs():
            return await sharing.share(delivery, QUESTION, evaluation)

    async def freeze(self) -> None:
        """Find that the plain key returns raw."""
        broken = CanaryResult(CanaryVerdict.BROKEN, "span_heard", -12.0)
        await self._canaries.note("CA1", "T0CALLAUDIO", broken)

    async def thaw(self) -> None:
        """Lift the freeze."""
        await self._canaries.thaw("U0BOSS0000", "key replaced")

    async def known_files(self, delivery: Delivery) -> set[str | None]:
        """Return the files that can be deleted: of the delivery's row, and the orphaned ones."""
        async with self.database.read() as session:
            left = set(await session.scalars(select(OrphanedFileRow.file_id)))
        return {*left, (await self.deliveries.read(delivery.id)).file_id}


@pytest.fixture
def setup(database: Database) -> SharingSetup:
    return SharingSetup(database)


async def test_an_upload_shared_while_another_worker_drops_it_is_still_tracked(setup):
    delivery = await setup.uploaded()

    async def share_and_be_killed() -> None:
        await setup.deliveries.change(delivery, {"share_tried_at": NOON})
        setup.slack.visible.add("F1")

    await setup.share(delivery, Decider(Outcome.REFUSED, meanwhile=share_and_be_killed))

    assert setup.slack.visible <= await setup.known_files(delivery)


class Refused(CallAudioError):
    code = "slack_refused"


@pytest.mark.parametrize("second", [UploadGone(), Refused()], ids=["gone", "refused"])
@pytest.mark.parametrize("picture", [None, "F2"], ids=["alone", "with its picture"])
async def test_an_upload_shared_by_another_worker_is_not_mistaken_for_a_lost_one(
    setup, second, picture
):
    delivery = await setup.uploaded(picture_file_id=picture)
    setup.slack.second = second

    async def taken_over() -> None:
        setup.now += LEASE
        now = await setup.deliveries.read(delivery.id)
        assert await setup.share(now, Decider(Outcome.RAW)) is ShareResult.SHARED

    setup.slack.before_share = taken_over

    assert await setup.share(delivery, Decider(Outcome.RAW)) is ShareResult.SHARED

    stored = await setup.deliveries.read(delivery.id)
    assert (stored.file_id, stored.picture_file_id) == ("F1", picture)
    assert stored.share_tried_at


@pytest.mark.parametrize("is_dropped", [True, False], ids=["dropped", "shared"])
async def test_a_worker_ends_its_try_if_another_worker_has_handled_the_upload(setup, is_dropped):
    delivery = await setup.uploaded()

    async def dealt_with() -> None:
        changes = dict(NO_UPLOAD) if is_dropped else {"share_tried_at": NOON}
        setup.slack.visible |= set() if is_dropped else {"F1"}
        await setup.deliveries.change(delivery, changes)

    result = await setup.share(delivery, Decider(Outcome.RAW, meanwhile=dealt_with))

    assert result is (ShareResult.GONE if is_dropped else ShareResult.SHARED)
    stored = await setup.deliveries.read(delivery.id)
    assert (stored.share_tried_at is None) == is_dropped


def taken(setup: SharingSetup, *, before: timedelta | None) -> Evaluation:
    decision = Decision(Outcome.RAW, Reason.CLEARED)
    taken_at = None if before is None else setup.now - before
    return Evaluation(decision, EVERYTHING_SPEAKS_FOR_RAW, taken_at)


async def test_a_recent_decision_is_not_repeated(setup):
    delivery, decider = await setup.uploaded(), Decider(Outcome.REFUSED)

    shared = await setup.share(delivery, decider, taken(setup, before=LONGEST_DECISION_AGE))

    assert (shared, decider.decided) == (ShareResult.SHARED, 0)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(LONGEST_DECISION_AGE + timedelta(seconds=1), id="the process was paused"),
        pytest.param(timedelta(seconds=-1), id="the clock was set back meanwhile"),
        pytest.param(None, id="its time is unknown"),
    ],
)
async def test_an_outdated_decision_is_repeated(setup, before):
    delivery = await setup.uploaded()
    older = taken(setup, before=before)

    assert await setup.share(delivery, Decider(Outcome.REFUSED), older) is ShareResult.TIGHTENED
    assert setup.slack.visible == set()


async def test_a_wait_for_slacks_limits_repeats_the_decision(setup):
    delivery, evaluation = await setup.uploaded(), taken(setup, before=timedelta(0))

    async def minute_long() -> None:
        setup.now += timedelta(minutes=1)

    setup.slack.turn = minute_long

    assert (
        await setup.share(delivery, Decider(Outcome.REFUSED), evaluation) is ShareResult.TIGHTENED
    )
    assert setup.slack.visible == set()


@pytest.mark.parametrize("outcome", [Outcome.RAW, Outcome.REFUSED])
async def test_a_process_that_stalled_after_its_decision_decides_again(setup, outcome, monkeypatch):
    delivery, decider = await setup.uploaded(), Decider(Outcome.RAW, outcome)
    usual = setup.deliveries.change

    async def stall_once(*arguments: Any, **more: Any) -> Delivery | None:
        monkeypatch.setattr(setup.deliveries, "change", usual)
        changed = await usual(*arguments, **more)
        setup.now += timedelta(minutes=10)
        return changed

    monkeypatch.setattr(setup.deliveries, "change", stall_once)

    result = await setup.share(delivery, decider)

    is_raw = outcome is Outcome.RAW
    assert result is (ShareResult.SHARED if is_raw else ShareResult.TIGHTENED)
    assert decider.decided == 2
    assert setup.slack.visible == ({"F1"} if is_raw else set())


@pytest.mark.parametrize("is_visible", [True, False], ids=["visible", "not visible"])
async def test_after_a_lost_answer_an_upload_from_before_a_thaw_is_not_shared_again(
    setup, is_visible
):
    delivery = await setup.uploaded(
        outcome=Outcome.REDACTED.value,
        share_tried_at=NOON - timedelta(minutes=2),
        thawed_at=NOON - timedelta(minutes=1),
        taken_back_cause="frozen",
    )
    setup.slack.visible |= {"F1"} if is_visible else set()

    result = await setup.share(delivery, Decider(Outcome.REDACTED))

    assert result is (ShareResult.SHARED if is_visible else ShareResult.GONE)
    assert setup.slack.visible == ({"F1"} if is_visible else set())
    now = await setup.deliveries.read(delivery.id)
    # The deletion that the freeze ordered is of that upload, not of the next one.
    left = ("F1", "frozen") if is_visible else (None, None)
    assert (now.file_id, now.taken_back_cause) == left
    assert "F1" in await setup.known_files(delivery), "a lost share may become visible later"


@pytest.mark.parametrize("moment", ["Slack is asked for the file", "its turn is awaited"])
async def test_an_upload_whose_freeze_is_lifted_while_it_is_looked_for_is_not_shared_again(
    setup, moment
):
    delivery = await setup.uploaded(
        outcome=Outcome.REDACTED.value, share_tried_at=NOON - timedelta(minutes=2)
    )
    await setup.freeze()
    if moment == "its turn is awaited":
        setup.slack.turn = setup.thaw
    else:
        setup.slack.before_look = setup.thaw

    result = await setup.share(delivery, Decider(Outcome.REDACTED))

    assert (result, setup.slack.visible) == (ShareResult.GONE, set())
    assert "F1" in await setup.known_files(delivery), "the lost share may become visible later"


async def test_an_upload_that_another_worker_fetched_after_a_thaw_is_not_dropped(setup):
    delivery = await setup.uploaded(
        outcome=Outcome.REDACTED.value,
        share_tried_at=NOON - timedelta(minutes=2),
        thawed_at=NOON - timedelta(minutes=1),
    )
    another = {"file_id": "F2", "share_tried_at": None}
    setup.slack.before_look = lambda: setup.deliveries.change(delivery, another)

    result = await setup.share(delivery, Decider(Outcome.REDACTED))

    assert (result, setup.slack.visible) == (ShareResult.GONE, set())
    assert (await setup.deliveries.read(delivery.id)).file_id == "F2"


async def test_an_upload_tried_by_a_worker_whose_clock_is_fast_is_not_shared_again_after_a_thaw(
    setup,
):
    fast = NOON + timedelta(minutes=5)
    delivery = await setup.uploaded(outcome=Outcome.REDACTED.value, share_tried_at=fast)
    await setup.freeze()
    await setup.thaw()

    result = await setup.share(await setup.deliveries.read(delivery.id), Decider(Outcome.REDACTED))

    assert (result, setup.slack.visible) == (ShareResult.GONE, set())


@pytest.mark.parametrize(
    ("tried", "decisions"),
    [
        pytest.param(NOON - timedelta(minutes=1), 1, id="after a lost answer"),
        pytest.param(None, MOST_TRIES_IN_A_ROW, id="at the first try"),
    ],
)
async def test_while_each_change_takes_long_nothing_is_shared_and_the_work_is_retried_later(
    setup, monkeypatch, tried, decisions
):
    delivery, decider = await setup.uploaded(share_tried_at=tried), Decider(Outcome.RAW)
    usual = setup.deliveries.change

    async def slowly(*arguments: Any, **more: Any) -> Delivery | None:
        changed = await usual(*arguments, **more)
        setup.now += timedelta(seconds=6)
        return changed

    monkeypatch.setattr(setup.deliveries, "change", slowly)

    with pytest.raises(DecisionOutdated) as raised:
        await setup.share(delivery, decider)

    assert raised.value.retryable
    assert (decider.decided, setup.slack.visible) == (decisions, set())


TRIED = NOON - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("was", "now", "is_deleted"),
    [
        pytest.param(Outcome.RAW, Outcome.REDACTED, True, id="raw that is no longer allowed"),
        pytest.param(Outcome.RAW, Outcome.REFUSED, True, id="raw that is now refused"),
        pytest.param(Outcome.RAW, Outcome.RAW, False, id="raw that is still allowed"),
        pytest.param(Outcome.REDACTED, Outcome.REFUSED, False, id="a redacted one"),
    ],
)
async def test_while_slack_does_not_say_whether_a_raw_file_is_visible_each_retry_decides_again(
    setup, was, now, is_deleted
):
    delivery = await setup.uploaded(outcome=was.value, share_tried_at=TRIED)
    setup.slack.visible.add("F1")

    async def fail() -> None:
        raise Passing

    setup.slack.before_look = fail
    decider = Decider(now)

    if is_deleted:
        assert await setup.share(delivery, decider) is ShareResult.TIGHTENED
    else:
        with pytest.raises(Passing):
            await setup.share(delivery, decider)

    assert decider.decided == (was is Outcome.RAW)
    assert setup.slack.visible == (set() if is_deleted else {"F1"})
    stored = await setup.deliveries.read(delivery.id)
    assert stored.outcome is (now if is_deleted else was)
    assert "F1" in await setup.known_files(delivery)


@pytest.mark.parametrize("is_lost", [True, False], ids=["it is not visible", "it is visible"])
async def test_after_a_second_lost_answer_slack_is_asked_once_more(sqlite_store, is_lost):
    setup = SharingSetup(sqlite_store)
    delivery = await setup.uploaded(share_tried_at=TRIED)
    setup.slack.lost_answer, setup.slack.is_lost = True, is_lost

    found = await setup.share(delivery, Decider(Outcome.RAW))

    assert found is (ShareResult.UNCLEAR if is_lost else ShareResult.SHARED)


async def test_a_share_by_another_worker_during_a_second_try_is_found(sqlite_store):
    setup = SharingSetup(sqlite_store)
    delivery = await setup.uploaded(share_tried_at=TRIED)

    async def share() -> None:
        await setup.deliveries.change(delivery, {"share_tried_at": NOON})
        setup.slack.visible.add("F1")

    assert await setup.share(delivery, Decider(Outcome.RAW, meanwhile=share)) is ShareResult.SHARED


async def test_a_stricter_decision_after_a_lost_answer_deletes_and_tracks_the_files(sqlite_store):
    setup = SharingSetup(sqlite_store)
    delivery = await setup.uploaded(picture_file_id="F2", share_tried_at=TRIED)

    assert await setup.share(delivery, Decider(Outcome.REFUSED)) is ShareResult.TIGHTENED

    assert setup.slack.deleted == ["F1", "F2"]
    assert {"F1", "F2"} <= await setup.known_files(delivery)
    changes = {"from": "raw", "to": "refused", "reason": "cleared", "dropped_file_id": "F1"}
    facts = audited_facts(EVERYTHING_SPEAKS_FOR_RAW)
    assert await later_events(sqlite_store) == [(AuditTag.DELIVERY_TIGHTENED, changes | facts)]


async def test_a_stricter_decision_is_stored_although_the_upload_was_dropped(sqlite_store):
    setup = SharingSetup(sqlite_store)
    delivery = await setup.uploaded(file_id=None)
    now = Evaluation(Decision(Outcome.REFUSED, Reason.ASKED), EVERYTHING_SPEAKS_FOR_RAW, NOON)

    assert await setup.share(delivery, Decider(Outcome.RAW), now) is ShareResult.TIGHTENED

    assert (await setup.deliveries.read(delivery.id)).outcome is Outcome.REFUSED
