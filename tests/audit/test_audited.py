"""Rights and deliveries are compared with the chain both ways: a row for each tampering."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from bot.access.grants import Effect, Right, revoke
from bot.audit import log
from bot.audit.events import AuditEvent, AuditTag, PayloadValue
from bot.audit.findings import ChainFault, ChainFinding
from bot.audit.seal import seal
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore
from bot.recordings.redaction.outcome import Comparison
from bot.store.database import Database
from bot.store.tables import GrantRow
from tests.access import builders
from tests.audit import chains
from tests.audit.chains import OPS, overrule, tamper, undone
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row
from tests.statements import plan_of, statements_on
from tests.tables import each_row

TEAM, OTHER = "T0QUALITY0", "T0SALES000"
ALICE, BOB, CAROL, GROUP, BOSS = "U0ALICE00", "U0BOB0000", "U0CAROL00", "S0QUALITY0", "U0BOSS000"
HOUR = timedelta(hours=1)
UNTOLD, ALTERED = ChainFault.GRANT_UNAUDITED, ChainFault.GRANT_ALTERED
DELIVERY_UNAUDITED, DELIVERY_GONE = ChainFault.DELIVERY_UNAUDITED, ChainFault.DELIVERY_GONE

Found = list[tuple[int | None, ChainFault]]


async def give(database: Database, subject_id: str, *, hour: int, **how: Any) -> None:
    await builders.give(database, subject_id, now=NOON + hour * HOUR, **{"team": TEAM, **how})


async def take(database: Database, subject_id: str, *, hour: int) -> None:
    subject = builders.subject(subject_id, team=TEAM)
    async with database.write() as session:
        await revoke(session, subject, Right.PII, by=BOSS, now=NOON + hour * HOUR)


async def add_delivery(database: Database, delivery_id: str, *, hour: int) -> None:
    columns = {"team_id": TEAM, "user_id": ALICE, "conversation_id": "CA1", "state": "requested"}
    async with database.write() as session:
        session.add(delivery_row(delivery_id, "C0", requested_at=NOON + hour * HOUR, **columns))


async def note(
    database: Database,
    tag: AuditTag,
    *,
    hour: int,
    delivery_id: str | None = "d1",
    **payload: PayloadValue,
) -> None:
    async with database.write() as session:
        at = NOON + hour * HOUR
        await log.record(session, AuditEvent(tag, TEAM, ALICE, at, delivery_id, payload))


async def ask(database: Database, delivery_id: str, *, hour: int) -> None:
    await add_delivery(database, delivery_id, hour=hour)
    requested = AuditTag.DELIVERY_REQUESTED
    await note(database, requested, hour=hour, delivery_id=delivery_id, conversation_id="CA1")


async def seal_before(database: Database, *, hour: int, at: int) -> None:
    async with database.write() as session:
        before, now = NOON + hour * HOUR, NOON + at * HOUR
        assert await seal(session, TEAM, before=before, by=OPS, now=now)


async def findings(database: Database, *statements: str) -> list[ChainFinding]:
    """The findings after these statements, which are rolled back."""
    async with undone(database) as session:
        if statements:
            await tamper(session, *statements)
        return await chains.findings(session)


async def found(database: Database, *statements: str) -> Found:
    return [(each.seq, each.fault) for each in await findings(database, *statements)]


@pytest.fixture
async def told(database: Database) -> Database:
    """Four rights, one of which has ended, and a delivery: events 1 to 6."""
    await give(database, ALICE, hour=1)
    await give(database, GROUP, hour=2, lasting=3 * HOUR)
    await give(database, BOB, hour=3, effect=Effect.DENY)
    await give(database, CAROL, hour=4)
    await take(database, CAROL, hour=5)
    await ask(database, "d1", hour=6)
    return database


@pytest.fixture
async def sealed(told: Database) -> Database:
    """The same, sealed after event 5, so that no right has an event."""
    await seal_before(told, hour=6, at=7)
    return told


async def test_rights_and_deliveries_of_the_bot_have_events(told):
    """Who gives rights needs none in a row: CALLAUDIO_ADMINS names the first admins."""
    assert await found(told) == []


FORGED = (
    'INSERT INTO grants (id, team_id, subject_kind, subject_id, "right", effect, given_by, reason,'
    " starts_at) VALUES (99, 'T0QUALITY0', 'user', 'U0FORGER0', 'pii', 'grant', 'U0BOSS000', 'x', "
    "'2026-06-03 13:00:00.000000+00:00')"
)


def grants(change: str, subject_id: str) -> str:
    return f"UPDATE grants SET {change} WHERE subject_id = '{subject_id}'"


def no_grant(subject_id: str) -> str:
    return f"DELETE FROM grants WHERE subject_id = '{subject_id}'"


@pytest.mark.postgresql_at_length
@each_row(
    ("statement", "expected"),
    [
        pytest.param(FORGED, [(None, UNTOLD)], id="a right that nobody gave"),
        pytest.param(
            grants("id = 77", ALICE), [(None, UNTOLD), (1, ALTERED)], id="a right under another id"
        ),
        pytest.param(no_grant(BOB), [(3, ALTERED)], id="a deny is gone"),
        pytest.param(
            grants("revoked_at = starts_at, revoked_by = 'U0BOSS000'", BOB),
            [(None, ALTERED)],
            id="a deny was lifted without an event",
        ),
        (grants("revoked_at = NULL", CAROL), [(5, ALTERED)]),
        (grants("revoked_by = 'U0ALICE00'", CAROL), [(5, ALTERED)]),
        *(
            (grants(change, GROUP), [(2, ALTERED)])
            for change in (
                "subject_id = 'S0OTHERS00'",
                "subject_kind = 'user'",
                "\"right\" = 'admin'",
                "given_by = 'U0ALICE00'",
                "starts_at = '2026-06-03 12:30:00.000000+00:00'",
                "expires_at = NULL",
                "expires_at = '2027-06-03 12:00:00.000000+00:00'",
            )
        ),
        pytest.param(grants("effect = 'grant'", BOB), [(3, ALTERED)], id="a deny gives the right"),
        pytest.param(
            grants("team_id = 'T0SALES000'", ALICE),
            [(1, ALTERED), (None, ChainFault.CHAIN_MISSING)],
            id="a right in another workspace",
        ),
        pytest.param(
            "UPDATE deliveries SET id = 'd2'",
            [(None, DELIVERY_UNAUDITED), (6, DELIVERY_GONE)],
            id="a delivery under another id",
        ),
        pytest.param("DELETE FROM deliveries", [(6, DELIVERY_GONE)], id="a delivery is gone"),
    ],
)
async def test_a_change_without_an_event_is_found(told, statement, expected):
    assert sorted(await found(told, statement), key=str) == sorted(expected, key=str)


async def test_a_finding_names_the_difference(told):
    (finding,) = await findings(told, grants("expires_at = NULL", GROUP))
    assert finding.says == (
        "event 2 (admin:grant:added) refers to a right that has expires_at = None instead of "
        "2026-06-03T17:00:00.000000+00:00"
    )


@pytest.fixture
async def delivered(database: Database) -> Database:
    """A delivery of CA1 that was decided twice, and delivered in a channel that then moved."""
    await ask(database, "d1", hour=1)
    await note(database, AuditTag.DELIVERY_DECIDED, hour=1, outcome="raw", reason="cleared")
    await note(database, AuditTag.DELIVERY_TIGHTENED, hour=1, to="redacted", reason="no_right")
    await note(database, AuditTag.DELIVERY_DELIVERED, hour=1, channel_id="C9")
    await note(
        database, AuditTag.CHANNEL_MOVED, hour=1, delivery_id=None, **{"from": "C9", "to": "C8"}
    )
    await note(
        database, AuditTag.CHANNEL_MOVED, hour=1, delivery_id=None, **{"from": "C8", "to": "C0"}
    )
    await overrule(database, "UPDATE deliveries SET outcome = 'redacted', reason = 'no_right'")
    return database


async def test_a_delivery_that_matches_its_events_is_no_finding(delivered):
    assert await found(delivered) == []


@each_row(
    ("change", "seq", "says"),
    [
        ("user_id = 'U0FORGER0'", 1, "user_id = U0FORGER0 instead of U0ALICE00"),
        ("conversation_id = 'CA999'", 1, "conversation_id = CA999 instead of CA1"),
        ("outcome = 'raw'", 3, "outcome = raw instead of redacted"),
        ("outcome = NULL", 3, "outcome = None instead of redacted"),
        ("reason = 'cleared'", 3, "reason = cleared instead of no_right"),
        ("destination_channel_id = 'C7'", 4, "destination_channel_id = C7 instead of C9"),
    ],
)
async def test_a_delivery_that_contradicts_its_events_is_named(delivered, change, seq, says):
    (finding,) = await findings(delivered, f"UPDATE deliveries SET {change}")
    assert (finding.seq, finding.fault) == (seq, ChainFault.DELIVERY_ALTERED)
    assert finding.says.endswith(f" refers to delivery d1, which has {says}")


async def test_the_requester_of_a_recording_that_follows_is_compared(database):
    """The bot asked for it, and its event names the person for whom."""
    await add_delivery(database, "d1", hour=1)
    async with database.write() as session:
        event = AuditEvent(
            AuditTag.DELIVERY_DOWNGRADED, TEAM, "system", NOON, "d1", {"subject_id": ALICE}
        )
        await log.record(session, event)
    assert await found(database) == []
    assert await found(database, "UPDATE deliveries SET user_id = 'U0FORGER0'") == [
        (1, ChainFault.DELIVERY_ALTERED)
    ]


async def test_events_that_no_bot_writes_contradict_nothing_else_on_sqlite(sqlite_store):
    await ask(sqlite_store, "d1", hour=1)
    await note(sqlite_store, AuditTag.DELIVERY_DELIVERED, hour=1, channel_id="C0")
    await note(sqlite_store, AuditTag.CHANNEL_MOVED, hour=1, delivery_id=None)
    assert await found(
        sqlite_store,
        """UPDATE audit_events SET payload = '{"from": [], "to": {}}' WHERE seq = 3""",
        """UPDATE audit_events SET payload = '{"channel_id": []}' WHERE seq = 2""",
    ) == [(2, ChainFault.ALTERED), (3, ChainFault.ALTERED), (2, ChainFault.DELIVERY_ALTERED)]


async def test_a_delivery_without_events_is_found(told):
    await add_delivery(told, "d2", hour=7)
    assert await found(told) == [(None, DELIVERY_UNAUDITED)]


async def test_a_delivery_that_is_newer_than_the_sealed_events_needs_an_event(told):
    """It is older than the seal itself, which came four hours after the last sealed event."""
    await seal_before(told, hour=6, at=9)
    await add_delivery(told, "d0", hour=5)
    await add_delivery(told, "d2", hour=8)
    (finding,) = await findings(told)
    assert (finding.fault, finding.says) == (
        DELIVERY_UNAUDITED,
        "no event records the request of delivery d2",
    )


async def test_a_delivery_is_no_finding_where_all_events_were_sealed(told):
    await seal_before(told, hour=7, at=9)
    assert await found(told) == []


@each_row(
    "head", [f"UPDATE audit_heads SET seq = 0, hash = '{'0' * 64}'", "DELETE FROM audit_heads"]
)
async def test_an_emptied_chain_is_found_by_the_workspaces_other_rows(told, head):
    (finding,) = await findings(told, "DELETE FROM audit_events", head)
    assert (finding.team_id, finding.fault) == (TEAM, ChainFault.CHAIN_MISSING)
    assert finding.says == "there are 1 deliveries and 4 grants and denies, and no events"


async def test_rights_with_sealed_events_are_no_finding(sealed):
    assert await found(sealed) == []


async def test_rights_with_sealed_events_are_no_finding_after_later_changes(sealed):
    await take(sealed, ALICE, hour=8)
    await give(sealed, CAROL, hour=9)
    await ask(sealed, "d2", hour=9)
    assert await found(sealed) == []
    await seal_before(sealed, hour=9, at=10)
    await take(sealed, CAROL, hour=11)
    assert await found(sealed) == []
    await seal_before(sealed, hour=12, at=12)
    assert await found(sealed) == []


async def test_a_right_that_ends_while_it_is_being_sealed_is_no_finding(told):
    """Its end has an earlier time than the seal, but a later event."""
    await seal_before(told, hour=6, at=9)
    await take(told, ALICE, hour=8)
    assert await found(told) == []


@pytest.mark.postgresql_at_length
@each_row(
    "statement",
    [
        pytest.param(FORGED, id="one more, as if it was from before"),
        pytest.param(no_grant(BOB), id="a deny is gone"),
        pytest.param(grants("expires_at = NULL", GROUP), id="one that ended does not end"),
        pytest.param(grants("effect = 'grant'", BOB), id="a deny gives the right"),
        pytest.param(grants("revoked_at = NULL", CAROL), id="one that was revoked is back"),
        pytest.param(grants("revoked_at = starts_at", BOB), id="a deny was lifted"),
    ],
)
async def test_rights_with_sealed_events_that_were_changed_are_found(sealed, statement):
    assert await found(sealed, statement) == [(None, UNTOLD)]


async def test_a_seal_without_a_digest_of_rights_covers_all_earlier_rights(told, monkeypatch):
    def seal_payload(newest, earlier, rights):
        told = usual(newest, earlier, rights)
        return {name: value for name, value in told.items() if "rights" not in name}

    usual = seal.__globals__["seal_payload"]
    monkeypatch.setitem(seal.__globals__, "seal_payload", seal_payload)
    await seal_before(told, hour=6, at=7)
    assert await found(told) == []

    forged_later = FORGED.replace("2026-06-03 13", "2026-06-04 13")
    assert await found(told, forged_later) == [(None, UNTOLD)]


async def test_findings_name_their_workspace(told):
    await give(told, ALICE, hour=7, team=OTHER)
    async with told.write() as session:
        forged = {"subject_kind": "user", "subject_id": BOB, "right": "pii", "effect": "grant"}
        await session.execute(
            insert(GrantRow).values(
                **forged, team_id=OTHER, given_by=BOSS, reason="x", starts_at=NOON
            )
        )
    (finding,) = await findings(told)
    assert (finding.team_id, finding.fault) == (OTHER, UNTOLD)
    assert finding.says == f"grant {6} of pii to {BOB} exists without an event"


async def test_no_row_is_compared_with_every_other_on_sqlite(sqlite_store):
    """A million events would take days."""
    with statements_on(sqlite_store) as sent:
        assert await found(sqlite_store) == []
    plans = []
    for statement, parameters in [each for each in sent if "JOIN" in each[0]]:
        plan = await plan_of(sqlite_store, statement, parameters)
        plans += [step for step in plan if "LEFT-JOIN" in step]
    assert len(plans) == 5
    assert [each for each in plans if not each.startswith("SEARCH ")] == []


async def test_an_end_with_another_utc_offset_is_found_on_sqlite(sqlite_store):
    """SQLite compares times as text: this text of the same time is 23 hours later."""
    await give(sqlite_store, GROUP, hour=2, lasting=3 * HOUR)
    later = grants("expires_at = '2026-06-04 16:00:00.000000+23:00'", GROUP)
    assert await found(sqlite_store, later) == [(1, ALTERED)]


async def test_values_that_no_bot_writes_are_read_on_sqlite(sqlite_store):
    await give(sqlite_store, ALICE, hour=1)
    changes = "starts_at = 'yesterday', subject_id = char(27), given_by = x'ff'"
    assert await found(sqlite_store, f"UPDATE grants SET {changes}") == [(1, ALTERED)]


TAKEN_BACK = "UPDATE deliveries SET taken_back_at = '2026-06-03 15:00:00.000000+00:00'"


@pytest.fixture
async def taken_back(database: Database) -> Database:
    """A delivery whose file was taken back, and an upload of it that was left over."""
    await ask(database, "d1", hour=1)
    tag = AuditTag.FILE_TAKEN_BACK
    await note(database, tag, hour=2, file_id="F0", cause="unfinished")
    await note(database, tag, hour=3, file_id="F1", picture_file_id=None, cause="audience")
    await note(database, tag, hour=4, file_id="F1", cause="unfinished")
    return database


async def test_only_the_time_that_the_event_of_a_take_back_records_is_no_finding(taken_back):
    assert await found(taken_back, TAKEN_BACK) == []
    for other in (TAKEN_BACK.replace("15:", "14:"), "UPDATE deliveries SET taken_back_at = NULL"):
        assert await found(taken_back, other) == [(3, ChainFault.DELIVERY_ALTERED)]


async def test_a_take_back_that_no_event_records_is_found(database):
    await ask(database, "d1", hour=1)
    assert await found(database, TAKEN_BACK) == [(1, ChainFault.DELIVERY_ALTERED)]


async def test_the_deletion_of_an_orphaned_upload_does_not_count_as_a_take_back(database):
    """An event of version 0.1.0 names no picture either."""
    await ask(database, "d1", hour=1)
    await note(database, AuditTag.FILE_TAKEN_BACK, hour=3, file_id="F1", cause="audience")
    assert await found(database) == []
    assert await found(database, TAKEN_BACK) == []


@pytest.fixture
async def checked(database: Database) -> Database:
    """Two redaction checks that have ended, and one that has not."""
    store = CheckStore(database=database, clock=lambda: NOON + HOUR)
    for conversation_id in ("CA1", "CA2"):
        check = Check(TEAM, CheckCause.ASKED, "default", conversation_id, asked_by=ALICE)
        await store.add_ended(check, Comparison(Verdict.PROVEN), began_at=NOON)
    waiting = Check(TEAM, CheckCause.ASKED, "default", "CA3", asked_by=ALICE)
    await store.ask(waiting, trigger_id=None)
    return database


async def test_checks_that_match_their_events_are_no_finding(checked):
    assert await found(checked) == []


@each_row(
    "change",
    [
        "verdict = 'differs'",
        "asked_by = 'U0FORGER0'",
        "cause = 'sample'",
        "agent_name = 'sales'",
        "direction = 'user'",
        "delivery_id = 'd9'",
    ],
)
async def test_a_check_that_contradicts_its_event_is_named(checked, change):
    altered = f"UPDATE redaction_checks SET {change} WHERE conversation_id = 'CA2'"
    (finding,) = await findings(checked, altered)
    assert (finding.seq, finding.fault) == (2, ChainFault.CHECK_ALTERED)
    assert change.replace("'", "") in finding.says


async def test_a_check_without_an_event_of_its_end_is_found_unless_it_was_sealed_away(checked):
    await overrule(
        checked,
        "UPDATE redaction_checks SET ended_at = '2026-06-03 13:30:00.000000+00:00', "
        "verdict = 'proven' WHERE conversation_id = 'CA3'",
    )
    assert await found(checked) == [(None, ChainFault.CHECK_UNAUDITED)]
    await ask(checked, "d1", hour=2)
    await seal_before(checked, hour=2, at=3)
    assert await found(checked) == []


@pytest.mark.parametrize(
    ("ended_before", "checks", "is_found"),
    [
        (None, 0, True),
        (NOON + HOUR - timedelta(minutes=2), 1, True),
        (NOON + 2 * HOUR, 0, True),
        (NOON + 2 * HOUR, 1, False),
    ],
    ids=["nothing pruned", "only older ones", "no checks", "pruned"],
)
async def test_a_check_that_is_gone_is_found_unless_it_may_have_been_pruned(
    checked, ended_before, checks, is_found
):
    await overrule(checked, "DELETE FROM redaction_checks WHERE conversation_id = 'CA2'")
    if ended_before:
        payload = {"deliveries": (), "checks": checks, "ended_before": ended_before.isoformat()}
        async with checked.write() as session:
            pruned = AuditEvent(AuditTag.DELIVERIES_PRUNED, TEAM, ALICE, NOON, payload=payload)
            await log.record(session, pruned)

    assert await found(checked) == ([(2, ChainFault.CHECK_GONE)] if is_found else [])
