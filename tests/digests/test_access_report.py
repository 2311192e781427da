"""Who received what and who may, on both databases."""

from dataclasses import replace
from datetime import timedelta

from bot.access.grants import Effect, NewGrant, Right, Subject, SubjectKind, add_grant, revoke
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.audit.verify import heads
from bot.digests.access_report import access_report
from bot.digests.digest import DigestKind
from bot.digests.report import (
    AccessReport,
    GrantTally,
    HeldRight,
    NameCount,
    PersonTally,
    ReasonTally,
    RequestTally,
)
from bot.store.tables import AccessRequestRow, DeliveryRow, RedactionCheckRow
from tests.digests.builders import PERIOD, SINCE, UNTIL, digest
from tests.pruning.test_prunable import access_request
from tests.recordings.deliveries.rows import delivery_row

TEAM = "T0CALLAUDIO"
ALICE, BOB, BOSS = "U0ALICE00", "U0BOB0000", "U0BOSS000"
NOON = SINCE + timedelta(hours=12)
ACCESS = digest(kind=DigestKind.ACCESS)


def delivery(number, user=ALICE, **changes) -> DeliveryRow:
    usual = {"team_id": TEAM, "user_id": user, "ended_at": NOON}
    return delivery_row(f"d{number}", "C1", **{**usual, **changes})


def request(number, state, **changes) -> AccessRequestRow:
    decided_at = None if state == "pending" else NOON
    usual = {"team_id": TEAM, "requested_at": NOON, "decided_at": decided_at}
    return access_request(state, id=f"a{number}", **{**usual, **changes})


def check(number, verdict="proven", **changes) -> RedactionCheckRow:
    usual = {
        "id": f"k{number}",
        "team_id": TEAM,
        "asked_by": "system",
        "cause": "sample",
        "agent_name": "default",
        "conversation_id": "CA1",
        "direction": "combined",
        "requested_at": NOON,
        "ended_at": NOON,
        "verdict": verdict,
    }
    return RedactionCheckRow(**{**usual, **changes})


def grant(subject, team=TEAM, **changes) -> NewGrant:
    kind = SubjectKind.USER if subject.startswith("U") else SubjectKind.GROUP
    subject = Subject(team, kind, subject)
    return replace(NewGrant(subject, Right.PII, Effect.GRANT, BOSS, "quality", SINCE), **changes)


async def stored(database, *rows) -> None:
    async with database.write() as session:
        session.add_all(rows)


async def granted(database, *grants, revoked) -> None:
    async with database.write() as session:
        for each in grants:
            await add_grant(session, each)
        await revoke(session, grant(revoked).subject, Right.PII, by=BOSS, now=NOON)


async def report(database) -> AccessReport:
    return await access_report(database, ACCESS, PERIOD)


async def test_an_empty_store_gives_an_empty_report(database):
    assert await report(database) == AccessReport()


async def test_the_report_lists_who_received_what_and_why(database):
    await stored(
        database,
        delivery(1),
        delivery(2),
        delivery(3, BOB, outcome="redacted", reason="not_cleared"),
        delivery(4, BOB, state="refused", outcome="refused", reason="requester_not_allowed"),
        delivery(5, state="failed", error_code="polyai_unavailable"),
        delivery(6, state="unconfirmed"),
        # None of these ended in this period and workspace:
        delivery(7, state="requested", ended_at=None),
        delivery(8, ended_at=UNTIL),
        delivery(9, ended_at=SINCE - timedelta(seconds=1)),
        delivery(10, team_id="T0OTHER"),
    )
    found = await report(database)
    assert found.outcomes == (
        NameCount("raw", 2),
        NameCount("failed", 1),
        NameCount("redacted", 1),
        NameCount("refused", 1),
        NameCount("unconfirmed", 1),
    )
    assert found.deliveries == 6
    assert found.reasons == (
        ReasonTally("raw", "cleared", 2),
        ReasonTally("failed", "polyai_unavailable", 1),
        ReasonTally("redacted", "not_cleared", 1),
        ReasonTally("refused", "requester_not_allowed", 1),
        ReasonTally("unconfirmed", "cleared", 1),
    )
    assert found.people == (
        PersonTally(ALICE, raw=2, other=2),
        PersonTally(BOB, redacted=1, refused=1),
    )


async def test_the_first_ten_people_are_named_and_all_are_counted(database):
    rows = [
        delivery(f"{person}-{n}", f"U0PERSON{person:02}")
        for person in range(12)
        for n in range(person + 1)
    ]
    await stored(database, *rows)
    found = await report(database)
    assert [person.user_id for person in found.people] == [
        f"U0PERSON{person:02}" for person in range(11, 1, -1)
    ]
    assert found.people_in_all == 12


async def test_requests_are_counted_in_the_periods_of_request_and_decision(database):
    await stored(
        database,
        request(1, "approved"),
        request(2, "approved", requested_at=SINCE - timedelta(hours=1)),
        request(3, "denied"),
        request(4, "expired"),
        request(5, "pending"),
        request(6, "approved", decided_at=UNTIL, user_id=BOB),  # open at the end of the period
        request(7, "pending", user_id=BOB, requested_at=UNTIL),
        request(8, "denied", team_id="T0OTHER"),
    )
    found = await report(database)
    assert found.requests == RequestTally(asked=5, approved=2, denied=1, expired=1, pending=2)


async def test_changed_and_ending_grants_are_counted(database):
    soon = UNTIL + timedelta(hours=5)
    early = SINCE - timedelta(days=1)
    await granted(
        database,
        grant(ALICE, expires_at=soon),
        grant(BOB, expires_at=UNTIL + timedelta(days=1)),
        grant("U0DENIED0", effect=Effect.DENY, expires_at=soon),
        grant("U0GONE000", expires_at=soon),
        grant("S0GROUP00", now=early, expires_at=UNTIL),
        revoked="U0GONE000",
    )
    found = await report(database)
    assert found.grants == GrantTally(
        given=3,
        denied=1,
        revoked=1,
        ending=2,
        next_to_end=(
            HeldRight("group", "S0GROUP00", "pii", UNTIL),
            HeldRight("user", ALICE, "pii", soon),
        ),
    )


async def test_groups_that_hold_a_right_are_listed_with_its_end(database):
    end = UNTIL + timedelta(days=1)
    await granted(
        database,
        grant("S0BOTH000", expires_at=end),
        grant("S0BOTH000", expires_at=None),
        grant("S0BOTH000", right=Right.ADMIN),
        grant("S0ENDS000", expires_at=end),
        grant("S0OVER000", expires_at=UNTIL),
        grant("S0DENIED0"),
        grant("S0DENIED0", effect=Effect.DENY),
        grant("S0REVOKED"),
        grant("S0LATER00", now=UNTIL + timedelta(hours=1)),
        grant("S0OTHER00", team="T0OTHER"),
        grant(ALICE),
        revoked="S0REVOKED",
    )
    found = await report(database)
    assert found.groups == (
        HeldRight("group", "S0BOTH000", "admin"),
        HeldRight("group", "S0BOTH000", "pii"),
        HeldRight("group", "S0ENDS000", "pii", end),
    )
    assert found.groups_in_all == 3


async def test_take_backs_are_counted_by_cause_in_their_period(database):
    await stored(
        database,
        delivery(1, taken_back_at=NOON, taken_back_cause="time_over"),
        delivery(2, taken_back_at=NOON, taken_back_cause="time_over"),
        delivery(3, taken_back_at=NOON, taken_back_cause="external"),
        delivery(4, taken_back_at=UNTIL, taken_back_cause="audience"),
    )
    found = await report(database)
    assert found.taken_back == (NameCount("time_over", 2), NameCount("external", 1))


async def test_redaction_checks_are_counted_by_verdict(database):
    await stored(
        database,
        check(1),
        check(2),
        check(3, "differs"),
        check(4, ended_at=UNTIL),
        check(5, None, ended_at=None),
        check(6, team_id="T0OTHER"),
    )
    assert (await report(database)).checked == (NameCount("proven", 2), NameCount("differs", 1))


async def test_the_head_of_the_audit_chain_equals_the_head_of_verify(database):
    async with database.write() as session:
        for at in (SINCE - timedelta(seconds=1), NOON, NOON, UNTIL):
            await record(session, AuditEvent(AuditTag.DELIVERY_DELIVERED, TEAM, "system", at))
        await record(session, AuditEvent(AuditTag.GRANT_ADDED, "T0OTHER", "system", NOON))
    found = await report(database)
    async with database.read() as session:
        (head,) = [each for each in await heads(session) if each.team_id == TEAM]
    assert found.head == head
    assert head.seq == 4
    assert found.audit_events == 2
