"""Each end is stored once, with its event, its figures and the work that follows it."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.observability.metrics import Metrics
from bot.recordings.deliveries.delivery import Delivery, Problem, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.file_check_schedule import AHEAD, FileCheckSchedule
from bot.recordings.steps.completion import Completion
from bot.recordings.take_back.take_back import CHECK_EVERY
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DeliveryRow, DueWorkRow, OrphanedFileRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import later_events, stored_delivery
from tests.recordings.requests.test_request_store import CALL
from tests.recordings.steps.test_sharing import SharingSetup

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


TOOK, KEEP = timedelta(seconds=7), timedelta(hours=1)
WATCHED = {"check_audience", "check_shares", "take_back"}


class Looking:
    """Finds the share at ``ts``; ``drops``: drops what is not shown."""

    def __init__(self, deliveries: DeliveryStore, ts: str | None, *, drops: bool) -> None:
        self.deliveries, self.ts, self.drops = deliveries, ts, drops
        self.dropped: list[tuple[str | None, State]] = []

    async def find(self, delivery: Delivery) -> str | None:
        assert delivery.file_id == "F1"
        return self.ts

    async def drop_unshown(self, delivery: Delivery) -> bool:
        now = await self.deliveries.read(delivery.id)
        self.dropped.append((delivery.file_id, now.state))
        return self.drops


class Ending(SharingSetup):
    """An uploaded recording whose end is stored seven seconds after its request."""

    def completion(
        self,
        ts: str | None = None,
        *,
        drops: bool = False,
        deliveries: DeliveryStore | None = None,
        samples: bool = True,
    ) -> Completion:
        self.now = NOON + TOOK
        self.metrics, self.sampled = Metrics(), []
        self.looking = Looking(self.deliveries, ts, drops=drops)
        return Completion(
            deliveries=deliveries or self.deliveries,
            sharing=self.looking,
            metrics=self.metrics,
            check_schedule=FileCheckSchedule(keep=KEEP, check_every=CHECK_EVERY),
            sample=self.sample if samples else None,
        )

    def sample(self, session: object, row: Any, now: datetime) -> None:
        assert session
        self.sampled.append((row.id, now))

    def figures(self) -> dict[tuple[str, ...], float]:
        """Return the figures of ended deliveries and errors."""
        return {
            (each.name.removeprefix("callaudio_"), *each.labels.values()): each.value
            for family in self.metrics.registry.collect()
            for each in family.samples
            if each.name.startswith(("callaudio_deliveries_total", "callaudio_errors_total"))
            or each.name.endswith("delivery_seconds_sum")
        }

    async def row(self) -> DeliveryRow:
        async with self.database.read() as session:
            return (await session.scalars(select(DeliveryRow))).one()

    async def work(self) -> dict[str, datetime]:
        """Return when the work other than the delivery itself is due."""
        async with self.database.read() as session:
            rows = await session.scalars(select(DueWorkRow).where(DueWorkRow.kind != "deliver"))
            return {each.kind: each.due_at for each in rows}


@pytest.fixture
def ending(sqlite_store: Database) -> Ending:
    return Ending(sqlite_store)


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
    database, meanwhile, left
):
    delivery = await stored_delivery(database)
    overtaken = Overtaken(database, **meanwhile)
    await Ending(database).completion(deliveries=overtaken).fail(delivery.id, PROBLEM)
    assert (await overtaken.read(delivery.id)).state is State.FAILED
    *_, (_, payload) = await later_events(database)
    assert payload["file_id"] == "F0NEW"
    due = select(DueWorkRow.key).where(DueWorkRow.kind == DueWorkKind.DELETE_ORPHANED_FILE)
    async with database.read() as session:
        files = sorted(await session.scalars(select(OrphanedFileRow.file_id)))
        assert (files, sorted(await session.scalars(due))) == (left, left)


@pytest.mark.parametrize("ts", ["2.0", None], ids=["shown", "not shown"])
@pytest.mark.parametrize(
    ("outcome", "reason"), [("raw", "cleared"), ("redacted", "audience"), ("redacted", "asked")]
)
async def test_a_shared_file_ends_with_its_event_and_the_work_that_follows(
    ending, outcome, reason, ts
):
    columns = {"outcome": outcome, "reason": reason, "size_bytes": 42, "recheck_at": NOON}
    delivery = await ending.uploaded(**columns, response_url="https://hooks.invalid/1")
    completion = ending.completion(ts)
    state, at = "delivered" if ts else "unconfirmed", NOON + TOOK
    is_raw = outcome == "raw"

    for _ in range(2):  # the second one changes nothing
        assert await completion.confirm(delivery.id, was_shared=False) == state

    row = await ending.row()
    assert (row.state, row.ended_at, row.share_ts) == (state, at, ts)
    assert row.shares_due_at == (at + CHECK_EVERY if is_raw else None)
    assert row.recheck_at == (NOON if is_raw else None), "the take-back of a raw file reads it"
    is_notified = ts is not None and reason != "audience"
    assert (row.notified_at, row.response_url is None) == (at if is_notified else None, is_notified)
    payload = {
        "outcome": outcome,
        "reason": reason,
        "conversation_id": CALL,
        "channel_id": "C1",
        "thread_ts": "1.0",
        "file_id": "F1",
        "size_bytes": 42,
    }
    assert await later_events(ending.database) == [(f"worker:delivery:{state}", payload)]
    work = await ending.work()
    assert set(work) == (WATCHED if is_raw else set())
    if is_raw:
        assert work["take_back"] == at + KEEP
        assert work["check_audience"] == at - AHEAD, "an event came meanwhile"
    assert ending.sampled == ([] if is_raw else [(delivery.id, at)])
    assert ending.figures() == {
        ("deliveries_total", outcome, reason): 1,
        ("delivery_seconds_sum",): TOOK.total_seconds(),
    }


@pytest.mark.parametrize(
    ("cause", "work"),
    [(None, {}), ("redaction_differs", {"take_back": NOON + TOOK - AHEAD})],
    ids=["trusted", "found to differ while it was under way"],
)
async def test_without_samples_a_redacted_file_needs_only_an_ordered_deletion(ending, cause, work):
    delivery = await ending.uploaded(outcome="redacted", reason="asked", taken_back_cause=cause)
    completion = ending.completion("2.0", samples=False)
    assert await completion.confirm(delivery.id, was_shared=True) == "delivered"
    assert await ending.work() == work


@pytest.mark.parametrize("before", [State.UPLOADED, State.SHARED])
@pytest.mark.parametrize(
    ("ts", "drops", "ends_as"),
    [("2.0", False, "delivered"), (None, False, "unconfirmed"), (None, True, None)],
)
async def test_an_accepted_share_has_one_event_before_its_end_or_its_drop(
    ending, before, ts, drops, ends_as
):
    delivery = await ending.uploaded(state=before.value, reason="cleared")
    completion = ending.completion(ts, drops=drops)

    assert await completion.confirm(delivery.id, was_shared=True) == ends_as

    shared = [] if before is State.SHARED else [("worker:delivery:shared", {"file_id": "F1"})]
    events = await later_events(ending.database)
    assert events[: len(shared)] == shared
    ends = [] if drops else [f"worker:delivery:{ends_as}"]
    assert [tag for tag, _ in events[len(shared) :]] == ends
    assert ending.looking.dropped == ([] if ts else [("F1", State.SHARED)])
    assert len(ending.figures()) == (1 if drops else 2)


@pytest.mark.parametrize("end", ["confirm", "refuse", "fail"])
async def test_an_end_that_another_worker_stored_meanwhile_is_not_counted(ending, end):
    delivery = await ending.uploaded(reason="cleared")
    completion = ending.completion(
        "2.0", deliveries=Overtaken(ending.database, state=State.UNCONFIRMED.value)
    )
    if end == "confirm":
        await completion.confirm(delivery.id, was_shared=False)
    elif end == "refuse":
        await ending.deliveries.change(delivery, {"state": State.UNCONFIRMED.value})
        await completion.refuse(delivery)
    else:
        await completion.fail(delivery.id, PROBLEM)

    assert (await later_events(ending.database), await ending.work()) == ([], {})
    assert ending.figures() == {("delivery_seconds_sum",): 0}


async def test_a_refusal_ends_with_its_reason(ending):
    await ending.uploaded(outcome="refused", reason="external", recheck_at=NOON)
    completion = ending.completion()
    delivery = await ending.deliveries.read((await ending.row()).id)

    await completion.refuse(delivery)

    row = await ending.row()
    assert (row.state, row.recheck_at) == ("refused", None)
    payload = {"reason": "external", "conversation_id": CALL}
    assert await later_events(ending.database) == [("policy:delivery:refused", payload)]
    seconds = TOOK.total_seconds()
    expected = {("deliveries_total", "refused", "external"): 1, ("delivery_seconds_sum",): seconds}
    assert ending.figures() == expected


async def test_a_failure_ends_with_its_problem(ending):
    delivery = await ending.uploaded(recheck_at=NOON)
    problem = replace(PROBLEM, correlation_id="0123456789ab")
    completion = ending.completion()

    await completion.fail(delivery.id, problem)

    row = await ending.row()
    assert (row.state, row.error_code, row.recheck_at) == ("failed", "busy", None)
    assert row.problem == asdict(problem)
    payload = {
        "code": "busy",
        "conversation_id": CALL,
        "correlation_id": "0123456789ab",
        "file_id": "F1",
    }
    assert await later_events(ending.database) == [("worker:delivery:failed", payload)]
    assert ending.figures() == {
        ("deliveries_total", "failed", "busy"): 1,
        ("errors_total", "busy"): 1,
        ("delivery_seconds_sum",): TOOK.total_seconds(),
    }
