"""Which deliveries may be removed, and why others are kept: one row for each sentence."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bot.pruning.prunable import prunable, reasons_to_keep
from bot.store.database import Database
from bot.store.enqueue import enqueue
from bot.store.tables import AccessRequestRow, DeliveryRow, OrphanedFileRow
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row

TEAM, ALICE, CHANNEL = "T0QUALITY0", "U0ALICE", "C0ONE00000"
MINUTE = timedelta(minutes=1)
OLD, YOUNG = NOON - MINUTE, NOON

REDACTED = {"outcome": "redacted", "reason": "audience"}
TAKEN_BACK = {"taken_back_at": OLD, "taken_back_cause": "time_over"}
UNDECIDED = {"outcome": None, "reason": None}

GOES: dict[str, dict[str, Any]] = {
    "redacted, delivered before the time": REDACTED,
    "a transcript that was taken back": {"kind": "transcript", **TAKEN_BACK},
    "refused": {"outcome": "refused", "state": "refused", "file_id": None},
    "failed before anything was decided": {**UNDECIDED, "state": "failed", "file_id": None},
    "failed, raw, and no file of it is left": {"state": "failed"},
    "redacted, and Slack never showed it": {**REDACTED, "state": "unconfirmed"},
    "redacted, and an event asked for a check once it ended": {**REDACTED, "recheck_at": OLD},
    "raw, taken back, and its card says so": TAKEN_BACK,
    "redacted, deleted by its requester": {**REDACTED, **TAKEN_BACK, "delete_asked_by": ALICE},
}
KEPT: dict[str, dict[str, dict[str, Any]]] = {
    "it is under way": {
        "it has not ended": {**REDACTED, "state": "announced", "ended_at": None},
        "its state and its end contradict each other": {**REDACTED, "state": "shared"},
    },
    "it is recent": {
        "it ended at the time": {**REDACTED, "ended_at": YOUNG},
        "its requester was notified after the time": {**REDACTED, "notified_at": YOUNG},
        "a digest counts that it was taken back": {**TAKEN_BACK, "taken_back_at": YOUNG},
    },
    "its file is watched": {
        "its raw file is still shared": {},
        "its raw transcript is still shared": {"kind": "transcript"},
        "raw, and it may come to light in Slack later": {"state": "unconfirmed"},
        "failed, and its raw file could not be deleted": {"state": "failed", "recheck_at": OLD},
        "redacted, and its requester wants it deleted": {**REDACTED, "delete_asked_by": ALICE},
    },
    "its card is behind": {"its card does not say so yet": {**TAKEN_BACK, "recheck_at": OLD}},
}


async def test_each_delivery_is_removed_or_kept_for_its_own_facts(database):
    kept = {name: reason for reason, rows in KEPT.items() for name in rows}
    rows = {name: columns for rows in KEPT.values() for name, columns in rows.items()}
    await store(database, **GOES, **rows)

    assert await why_kept(database) == {name: [reason] for name, reason in kept.items()}
    assert sorted(await may_go(database)) == sorted(GOES)


async def test_a_delivery_with_due_work_is_kept(database):
    kinds = ("deliver", "check_shares", "take_back")
    await store(database, free=REDACTED, **dict.fromkeys(kinds, REDACTED))
    async with database.write() as session:
        for kind in kinds:
            enqueue(session, kind, kind, now=NOON, due_at=NOON + timedelta(days=365))

    assert await why_kept(database) == {kind: ["it has due work"] for kind in kinds}
    assert await may_go(database) == ["free"]


async def test_a_delivery_with_a_dropped_file_to_delete_is_kept(database):
    await store(database, d1=REDACTED)
    about = {"delivery_id": "d1", "team_id": TEAM, "channel_id": CHANNEL}
    async with database.write() as session:
        session.add(OrphanedFileRow(file_id="F1", watched_until_at=NOON, **about))

    assert await why_kept(database) == {"d1": ["a file is orphaned"]}


async def test_a_delivery_whose_replacement_is_under_way_is_kept(database):
    follower = {**REDACTED, "state": "requested", "ended_at": None, "replaces_id": "raw"}
    await store(database, raw=TAKEN_BACK, follower=follower)
    async with database.write() as session:
        enqueue(session, "deliver", "follower", now=NOON)

    assert (await why_kept(database))["raw"] == ["its replacement is under way"]
    assert await may_go(database) == []


async def test_a_delivery_and_its_replacement_are_removed_in_any_order_after_both_ended(database):
    await store(database, raw=TAKEN_BACK, follower={**REDACTED, "replaces_id": "raw"})

    assert sorted(await may_go(database)) == ["follower", "raw"]


async def test_a_delivery_whose_requester_waits_for_access_is_kept(database):
    states = ("pending", "approved", "expired")
    await store(database, **dict.fromkeys(states, REDACTED))
    async with database.write() as session:
        session.add_all(access_request(each, id=each, delivery_id=each) for each in states)

    assert await why_kept(database) == {"pending": ["its request for access is pending"]}
    assert sorted(await may_go(database)) == ["approved", "expired"]


async def test_the_oldest_deliveries_of_one_workspace_are_removed_first_a_batch_at_a_time(database):
    ages = {f"d{minutes}": NOON - minutes * MINUTE for minutes in (3, 1, 2)}
    await store(database, **{name: {**REDACTED, "ended_at": at} for name, at in ages.items()})
    await store(database, theirs={**REDACTED, "team_id": "T0SALES000"})

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


async def store(database: Database, **deliveries: dict[str, Any]) -> None:
    """Store deliveries by their ids."""
    usual = {"team_id": TEAM, "user_id": ALICE, "ended_at": OLD}
    async with database.write() as session:
        session.add_all(
            delivery_row(delivery_id, CHANNEL, **{**usual, **columns})
            for delivery_id, columns in deliveries.items()
        )


async def why_kept(database: Database) -> dict[str, list[str]]:
    """Each delivery that is kept, with every reason."""
    found: dict[str, list[str]] = {}
    async with database.read() as session:
        for reason, condition in reasons_to_keep(NOON).items():
            for each in await session.scalars(select(DeliveryRow.id).where(condition)):
                found.setdefault(each, []).append(reason)
    return found


async def may_go(database: Database) -> list[str]:
    async with database.write() as session:
        return list(await session.scalars(prunable(TEAM, NOON, most=100)))
