"""The stored state of a canary: a freeze keeps its cause until an admin thaws it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bot.audit.events import AuditTag
from bot.audit.log import AuditFilter, newest_events
from bot.recordings.redaction.canary_store import (
    CanaryResult,
    CanaryState,
    CanaryStore,
    CanaryVerdict,
)
from bot.slack.admin import replies
from bot.store.database import Database
from bot.store.tables import DeliveryRow
from tests.conftest import NOON
from tests.recordings.requests.test_request_store import RequestStoreSetup

CALL, TEAM = "CA" + "c0ffee00" * 4, "T0CALLAUDIO"
BROKEN = CanaryResult(CanaryVerdict.BROKEN, "span_heard", -12.0)
AWAY = CanaryResult(CanaryVerdict.INCONCLUSIVE, "polyai_unavailable")
HELD = CanaryResult(CanaryVerdict.HELD)
DIFFERING = CanaryResult(CanaryVerdict.BROKEN, "answers_differ")


async def deliver(database: Database, **columns: object) -> str:
    """Store a redacted delivery under way; returns its id."""
    stored = await RequestStoreSetup(database).store()
    async with database.write() as session:
        await session.execute(update(DeliveryRow).values({"outcome": "redacted", **columns}))
    return stored.delivery_id


@pytest.fixture
def store(database: Database) -> CanaryStore:
    return CanaryStore(database=database, clock=lambda: NOON)


async def after(store: CanaryStore, *looks: CanaryResult) -> CanaryState:
    for result in looks:
        await store.note(CALL, TEAM, result)
    (state,) = await store.read()
    return state


@pytest.mark.parametrize("later", [AWAY, HELD], ids=["PolyAI is away", "the key was replaced"])
async def test_admins_see_the_cause_of_the_freeze_whatever_later_checks_find(store, later):
    state = await after(store, BROKEN, later)
    assert (state.verdict, state.found) == (later.verdict, "span_heard")
    assert "a span that must be muted can be heard" in replies.frozen(state)


async def test_the_newest_leak_found_while_frozen_is_shown(store):
    state = await after(store, BROKEN, DIFFERING)
    assert "without `redacted=true` it returns another recording" in replies.frozen(state)


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        pytest.param([HELD, BROKEN], "are being deleted from Slack", id="a check passed before"),
        pytest.param(
            [HELD, DIFFERING], "`callaudio audit list --since 2026-06-03T12:00:00` names them",
            id="what must be muted was muted",
        ),
        pytest.param([BROKEN], "before may be unredacted too", id="no check has passed"),
    ],
)  # fmt: skip
async def test_admins_learn_which_recordings_may_have_been_posted_unredacted(
    database, checks, words
):
    times = iter([NOON, NOON + timedelta(hours=1)])
    store = CanaryStore(database=database, clock=lambda: next(times))

    warning = replies.frozen(await after(store, *checks))

    assert "posted as redacted" in warning
    assert words in warning


async def test_after_a_thaw_the_next_check_stores_its_finding(store):
    await after(store, BROKEN)
    await store.thaw("U0BOSS0000", "key replaced")
    assert (await after(store, AWAY)).found == "polyai_unavailable"


@pytest.mark.parametrize(
    ("changes", "is_dropped"),
    [
        pytest.param({}, True, id="redacted, and not shared yet"),
        pytest.param({"outcome": "raw"}, False, id="raw comes with the other key"),
        pytest.param({"share_tried_at": NOON}, False, id="it may be visible already"),
        pytest.param(
            {"state": "failed", "ended_at": NOON}, False, id="failed, and not notified yet"
        ),
        pytest.param({"team_id": "T0ELSEWHERE"}, True, id="of another workspace, frozen as well"),
    ],
)
async def test_a_thaw_drops_unshared_uploads_fetched_with_the_plain_key(
    store, database, changes, is_dropped
):
    delivery_id = await deliver(database, **{"file_id": "F1", "state": "uploaded", **changes})
    await after(store, HELD, BROKEN)

    await store.thaw("U0BOSS0000", "key replaced")

    async with database.read() as session:
        row = (await session.scalars(select(DeliveryRow))).one()
        assert row.file_id == (None if is_dropped else "F1")
        assert row.taken_back_cause == ("frozen" if row.share_tried_at else None)
        (event,) = await newest_events(session, AuditFilter(), 1)
    assert event.tag == "admin:canary:thawed"
    assert event.payload["dropped_uploads"] == ([delivery_id] if is_dropped else [])


async def test_a_delivery_that_had_no_upload_when_it_was_frozen_is_kept_after_the_thaw(
    store, database
):
    await deliver(database, state="decided")
    await after(store, HELD, BROKEN)
    await store.thaw("U0BOSS0000", "key replaced")
    async with database.read() as session:
        assert list(await session.scalars(select(DeliveryRow.taken_back_cause))) == [None]


async def test_a_dropped_upload_is_named_once_in_the_chain_of_its_workspace(store, database):
    delivery_id = await deliver(database, file_id="F1", team_id="T0ELSEWHERE")
    await after(store, BROKEN)
    await store.note("CA" + "0ddba11" * 4, TEAM, BROKEN)

    assert await store.thaw("U0BOSS0000", "key replaced") == 2

    async with database.read() as session:
        thawed = await newest_events(session, AuditFilter(tag=AuditTag.CANARY_THAWED), 5)
    named = sorted((each.team_id, each.payload["dropped_uploads"]) for each in thawed)
    assert named == [(TEAM, []), (TEAM, []), ("T0ELSEWHERE", [delivery_id])]
