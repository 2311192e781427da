"""A recording that a check found to differ is deleted, and refused until a check proves it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.polyai.payloads import Direction
from bot.recordings.deliveries.file_check_schedule import AHEAD
from bot.recordings.deliveries.redaction_safety import (
    DeliveriesFrozen,
    RedactionDiffers,
    RedactionSafety,
)
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.deliveries.unsafe_redacted_files import (
    of_recording,
    order_take_back,
    posted_since,
    schedule_ordered,
)
from bot.store.tables import CanaryRow, DeliveryRow, DueWorkRow, RedactionCheckRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row, under_way

pytestmark = pytest.mark.postgresql_at_length

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DUE = DueWorkRow
TEAM, CHANNEL, CALL = "T0QUALITY0", "C0QUALITY0", "CA1"


def check(
    at: int,
    direction: str,
    verdict: str | None,
    conversation_id: str = CALL,
    agent_name: str = "default",
    team_id: str = TEAM,
    took: int = 0,
) -> RedactionCheckRow:
    """A check that ended so many minutes after noon, and took so many."""
    return RedactionCheckRow(
        id=f"k-{at}-{verdict}",
        team_id=team_id,
        asked_by="system",
        cause="asked",
        agent_name=agent_name,
        conversation_id=conversation_id,
        direction=direction,
        requested_at=NOON + (at - took) * MINUTE,
        ended_at=NOON + timedelta(minutes=at) if verdict else None,
        verdict=verdict,
    )


@pytest.mark.parametrize(
    ("checks", "refused"),
    [
        pytest.param([], "", id="nothing is known"),
        pytest.param([(1, "combined", None)], "", id="its check has not ended"),
        pytest.param([(1, "combined", "cannot_tell")], "", id="inconclusive"),
        pytest.param([(1, "combined", "nothing_muted")], "", id="nothing was muted"),
        pytest.param([(1, "combined", "differs")], "both user agent", id="it differs"),
        pytest.param(
            [(1, "agent", "differs")], "both user agent",
            id="one side differs, and the other is not known",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "combined", "proven")], "", id="proven later"
        ),
        pytest.param(
            [(1, "combined", "proven"), (2, "combined", "differs")], "both user agent",
            id="proven before",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "combined", "proven", CALL, "default", TEAM, 1)],
            "both user agent", id="by a check that began before",
        ),
        pytest.param(
            [(1, "combined", "differs"), (1, "combined", "proven")],
            "both user agent",
            id="both at the same time",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "user", "proven")], "both agent",
            id="one side is proven, which says nothing of the other",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "combined", "cannot_tell")],
            "both user agent", id="an inconclusive check proves nothing",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "combined", "nothing_muted")],
            "both user agent", id="that nothing is muted proves nothing",
        ),
        pytest.param(
            [(1, "agent", "differs"), (2, "combined", "proven")], "agent",
            id="a side that differs is not proven by a check of both sides",
        ),
        pytest.param(
            [(1, "agent", "differs"), (2, "combined", "proven"), (3, "agent", "proven")], "",
            id="but by a check of that side",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "combined", "proven", "CA2")], "both user agent",
            id="another call is proven",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "combined", "proven", CALL, "sales")],
            "both user agent", id="another agent's call is proven",
        ),
        pytest.param(
            [(1, "combined", "differs"), (2, "combined", "proven", CALL, "default", "T0OTHER00")],
            "both user agent", id="proven in another workspace",
        ),
        pytest.param([(1, "combined", "differs", "CA2")], "", id="another call"),
        pytest.param([(1, "combined", "differs", CALL, "sales")], "", id="another agent's call"),
        pytest.param(
            [(1, "combined", "differs", CALL, "default", "T0OTHER00")], "", id="another workspace"
        ),
    ],
)  # fmt: skip
async def test_a_recording_is_refused_until_a_later_check_proves_it(database, checks, refused):
    delivery = under_way(team_id=TEAM, conversation_id=CALL)
    async with database.write() as session:
        session.add_all([check(*each) for each in checks])
    safety = RedactionSafety(database)

    found = []
    for name, direction in zip(("both", "user", "agent"), Direction, strict=True):
        try:
            await safety.require(replace(delivery, direction=direction))
        except RedactionDiffers:
            found.append(name)

    assert found == refused.split()


@pytest.mark.parametrize(
    ("frozen_at", "verdict", "refusal"),
    [
        pytest.param([], None, None, id="no call is checked regularly"),
        pytest.param([None], None, None, id="not frozen"),
        pytest.param([None], "differs", RedactionDiffers, id="not frozen, and it differs"),
        pytest.param([None, NOON], None, DeliveriesFrozen, id="one of the calls was unredacted"),
        pytest.param([NOON], "differs", DeliveriesFrozen, id="frozen, and it differs"),
    ],
)
async def test_while_deliveries_are_frozen_every_recording_is_refused(
    database, frozen_at, verdict, refusal
):
    delivery = under_way(team_id=TEAM, conversation_id=CALL)
    async with database.write() as session:
        session.add(check(1, "combined", verdict))
        for number, at in enumerate(frozen_at):
            about = {"team_id": TEAM, "checked_at": NOON, "verdict": "broken"}
            session.add(CanaryRow(conversation=f"{number}", frozen_at=at, **about))
    safety = RedactionSafety(database)

    assert await safety.is_frozen() is (refusal is DeliveriesFrozen)
    if refusal:
        with pytest.raises(refusal):
            await safety.require(delivery)
    else:
        await safety.require(delivery)


@pytest.mark.parametrize(
    ("columns", "is_ordered"),
    [
        pytest.param({}, True, id="visible"),
        pytest.param({"state": "unconfirmed"}, True, id="it may become visible"),
        pytest.param({"direction": "agent"}, True, id="one side of the same call"),
        pytest.param({"state": "uploaded", "ended_at": None}, True, id="under way"),
        pytest.param({"outcome": "raw"}, False, id="raw is allowed there"),
        pytest.param({"outcome": None, "state": "received"}, False, id="not yet decided"),
        pytest.param({"state": "failed"}, False, id="failed"),
        pytest.param({"taken_back_at": NOON}, False, id="already deleted"),
        pytest.param({"taken_back_cause": "frozen"}, False, id="ordered already"),
        pytest.param({"conversation_id": "CA2"}, False, id="another call"),
        pytest.param({"agent_name": "sales"}, False, id="another agent's call"),
        pytest.param({"team_id": "T0OTHER00"}, False, id="another workspace"),
    ],
)
async def test_each_redacted_recording_of_the_call_is_deleted(database, columns, is_ordered):
    usual = {"team_id": TEAM, "user_id": "U0ALICE", "outcome": "redacted", "conversation_id": CALL}
    async with database.write() as session:
        session.add(delivery_row("1", CHANNEL, **{**usual, **columns}))
    async with database.write() as session:
        which = of_recording(TEAM, "default", CALL)
        await order_take_back(session, TakeBackCause.REDACTION_DIFFERS, which, NOON)
    async with database.read() as session:
        row = await session.get(DeliveryRow, "1")
        due = [tuple(each) for each in await session.execute(select(DUE.kind, DUE.due_at))]

    not_ordered = columns.get("taken_back_cause"), None, []
    ordered = "redaction_differs", NOON, [("take_back", NOON - AHEAD)]
    assert (row.taken_back_cause, row.must_go_since, due) == (
        ordered if is_ordered else not_ordered
    )


@pytest.mark.parametrize(
    ("columns", "ordered"),
    [
        pytest.param({"ended_at": NOON}, 1, id="posted then"),
        pytest.param({"ended_at": NOON + HOUR, "team_id": "T0OTHER00"}, 1, id="anywhere"),
        pytest.param({"ended_at": NOON - 10 * MINUTE}, 1, id="by a machine with a slow clock"),
        pytest.param({"ended_at": NOON - 11 * MINUTE}, 0, id="posted before"),
        pytest.param(
            {"state": "uploaded", "ended_at": None, "share_tried_at": NOON}, 1, id="being shared"
        ),
        pytest.param(
            {"state": "uploaded", "ended_at": None}, 1, id="may be shared under an older decision"
        ),
        pytest.param({"state": "failed", "ended_at": NOON}, 0, id="failed"),
        pytest.param({"ended_at": NOON, "outcome": "raw"}, 0, id="raw comes with another key"),
    ],
)
async def test_what_was_posted_since_then_is_deleted(database, columns, ordered):
    usual = {"team_id": TEAM, "user_id": "U0ALICE", "outcome": "redacted"}
    async with database.write() as session:
        session.add(delivery_row("1", CHANNEL, **{**usual, **columns}))
    async with database.write() as session:
        which = posted_since(NOON)
        assert await order_take_back(session, TakeBackCause.FROZEN, which, NOON) == ordered


async def test_no_delivery_of_the_call_is_decided_or_ended_before_its_verdict_can_be_read(
    postgresql_store,
):
    usual = {"team_id": TEAM, "user_id": "U0ALICE", "conversation_id": CALL, "ended_at": None}
    async with postgresql_store.write() as session:
        for delivery_id, columns in {
            "undecided": {"state": "requested", "outcome": None},
            "raw, and may become redacted": {"state": "uploaded"},
            "redacted": {"state": "uploaded", "outcome": "redacted"},
            "of another call": {"state": "requested", "outcome": None, "conversation_id": "CA2"},
        }.items():
            session.add(delivery_row(delivery_id, CHANNEL, **{**usual, **columns}))
    free = select(DeliveryRow.id).with_for_update(skip_locked=True)
    async with postgresql_store.write() as session:
        which = of_recording(TEAM, "default", CALL)
        await order_take_back(session, TakeBackCause.REDACTION_DIFFERS, which, NOON)
        async with postgresql_store.write() as other:
            assert list(await other.scalars(free)) == ["of another call"]


async def test_a_deletion_ordered_during_the_delivery_is_due_at_its_end(database):
    due = []
    for delivery_id, cause in (("1", None), ("2", "redaction_differs")):
        row = delivery_row(delivery_id, CHANNEL, taken_back_cause=cause)
        async with database.write() as session:
            schedule_ordered(session, row, NOON)
        async with database.read() as session:
            due.append(list(await session.scalars(select(DueWorkRow.key))))

    assert due == [[], ["2"]]
