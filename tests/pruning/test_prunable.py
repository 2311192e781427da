"""Which deliveries may be removed, and why others are kept: one row for each sentence."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.pruning.prunable import ReasonToKeep, prunable, reasons_to_keep
from bot.store.database import Database
from bot.store.enqueue import enqueue
from bot.store.tables import AccessRequestRow, DeliveryRow, OrphanedFileRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row

TEAM, ALICE, CHANNEL = "T0QUALITY0", "U0ALICE", "C0ONE00000"
MINUTE = timedelta(minutes=1)
OLD, YOUNG = NOON - MINUTE, NOON
GOES: list[ReasonToKeep] = []

REDACTED = {"outcome": "redacted", "reason": "audience"}
TAKEN_BACK = {"taken_back_at": OLD, "taken_back_cause": "time_over"}

ROWS: dict[str, tuple[dict[str, Any], list[ReasonToKeep]]] = {
    "redacted, delivered before the time": (REDACTED, GOES),
    "a transcript that was taken back": ({"kind": "transcript", **TAKEN_BACK}, GOES),
    "refused": ({"outcome": "refused", "state": "refused", "file_id": None}, GOES),
    "failed before anything was decided": (
        {"outcome": None, "reason": None, "state": "failed", "file_id": None},
        GOES,
    ),
    "failed, raw, and no file of it is left": ({"state": "failed"}, GOES),
    "redacted, and Slack never showed it": ({**REDACTED, "state": "unconfirmed"}, GOES),
    "redacted, and an event asked for a check once it had ended": (
        {**REDACTED, "recheck_at": OLD},
        GOES,
    ),
    "raw, taken back, and its card says so": (TAKEN_BACK, GOES),
    "redacted, and deleted by its requester": (
        {**REDACTED, **TAKEN_BACK, "delete_asked_by": ALICE},
        GOES,
    ),
    "it has not ended": (
        {**REDACTED, "state": "announced", "ended_at": None},
        [ReasonToKeep.UNDER_WAY],
    ),
    "its state and its end contradict each other": (
        {**REDACTED, "state": "shared"},
        [ReasonToKeep.UNDER_WAY],
    ),
    "it ended at the time": ({**REDACTED, "ended_at": YOUNG}, [ReasonToKeep.RECENT]),
    "its requester was notified after the time": (
        {**REDACTED, "notified_at": YOUNG},
        [ReasonToKeep.RECENT],
    ),
    "it was taken back after the time, which a digest counts": (
        {**TAKEN_BACK, "taken_back_at": YOUNG},
        [ReasonToKeep.RECENT],
    ),
    "its raw file is still shared": ({}, [ReasonToKeep.FILE_WATCHED]),
    "its raw transcript is still shared": ({"kind": "transcript"}, [ReasonToKeep.FILE_WATCHED]),
    "raw, and it may come to light in Slack later": (
        {"state": "unconfirmed"},
        [ReasonToKeep.FILE_WATCHED],
    ),
    "it failed, and its raw file could not be deleted": (
        {"state": "failed", "recheck_at": OLD},
        [ReasonToKeep.FILE_WATCHED],
    ),
    "redacted, and its requester wants it deleted": (
        {**REDACTED, "delete_asked_by": ALICE},
        [ReasonToKeep.FILE_WATCHED],
    ),
    "taken back, and its card does not say so yet": (
        {**TAKEN_BACK, "recheck_at": OLD},
        [ReasonToKeep.CARD_BEHIND],
    ),
}


@pytest.mark.parametrize(("columns", "expected"), ROWS.values(), ids=ROWS)
async def test_each_delivery_is_removed_or_kept_for_its_own_facts(database, columns, expected):
    await store(database, "d1", **columns)
    assert await why_kept(database) == {"d1": expected}
    assert await may_go(database) == ([] if expected else ["d1"])


@pytest.mark.parametrize("kind", ["deliver", "check_shares", "take_back"])
async def test_a_delivery_with_due_work_is_kept(database, kind):
    await store(database, "d1", **REDACTED)
    await store(database, "d2", **REDACTED)
    async with database.write() as session:
        enqueue(session, kind, "d1", now=NOON, due_at=NOON + timedelta(days=365))
    assert await why_kept(database) == {"d1": [ReasonToKeep.WORK_DUE], "d2": GOES}
    assert await may_go(database) == ["d2"]


async def test_a_delivery_with_a_dropped_file_to_delete_is_kept(database):
    await store(database, "d1", **REDACTED)
    async with database.write() as session:
        session.add(
            OrphanedFileRow(
                file_id="F1",
                delivery_id="d1",
                team_id=TEAM,
                channel_id=CHANNEL,
                watched_until_at=NOON,
            )
        )
    assert await why_kept(database) == {"d1": [ReasonToKeep.FILE_ORPHANED]}


async def test_a_delivery_whose_replacement_is_under_way_is_kept(database):
    await store(database, "raw", **TAKEN_BACK)
    follower = {**REDACTED, "state": "requested", "ended_at": None, "replaces_id": "raw"}
    await store(database, "follower", **follower)
    async with database.write() as session:
        enqueue(session, "deliver", "follower", now=NOON)
    assert (await why_kept(database))["raw"] == [ReasonToKeep.FOLLOWED]
    assert await may_go(database) == []


async def test_a_delivery_and_its_replacement_are_removed_in_any_order_after_both_ended(database):
    await store(database, "raw", **TAKEN_BACK)
    await store(database, "follower", **REDACTED, replaces_id="raw")
    assert sorted(await may_go(database)) == ["follower", "raw"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("pending", [ReasonToKeep.ACCESS_ASKED]), ("approved", []), ("expired", [])],
)
async def test_a_delivery_whose_requester_waits_for_access_is_kept(database, state, expected):
    await store(database, "d1", **REDACTED)
    async with database.write() as session:
        session.add(access_request(state))
    assert await why_kept(database) == {"d1": expected}


async def test_the_oldest_deliveries_of_one_workspace_are_removed_first_a_batch_at_a_time(database):
    for minutes in (3, 1, 2):
        await store(database, f"d{minutes}", **REDACTED, ended_at=NOON - minutes * MINUTE)
    await store(database, "theirs", **REDACTED, team_id="T0SALES000")
    async with database.write() as session:
        assert (await session.scalars(prunable(TEAM, NOON, most=2))).all() == ["d3", "d2"]


def access_request(state: str, **columns: Any) -> AccessRequestRow:
    usual = {
        "id": "a1",
        "team_id": TEAM,
        "user_id": ALICE,
        "delivery_id": "d1",
        "conversation_id": "CA1",
        "reason": "call quality",
        "hours": 8,
        "requested_at": OLD,
        "decided_at": None if state == "pending" else OLD,
        "messages": [],
    }
    return AccessRequestRow(state=state, **{**usual, **columns})


async def store(database: Database, delivery_id: str, **columns: Any) -> None:
    usual = {"team_id": TEAM, "user_id": ALICE, "ended_at": OLD}
    async with database.write() as session:
        session.add(delivery_row(delivery_id, CHANNEL, **{**usual, **columns}))


async def why_kept(database: Database) -> dict[str, list[ReasonToKeep]]:
    """Each delivery, with every reason to keep it."""
    async with database.read() as session:
        found: dict[str, list[ReasonToKeep]] = {
            each: [] for each in await session.scalars(select(DeliveryRow.id))
        }
        for reason, condition in reasons_to_keep(NOON).items():
            for each in await session.scalars(select(DeliveryRow.id).where(condition)):
                found[each].append(reason)
    return found


async def may_go(database: Database) -> list[str]:
    async with database.write() as session:
        return list(await session.scalars(prunable(TEAM, NOON, most=10)))
