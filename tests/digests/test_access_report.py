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
    EndingGrant,
    GrantTally,
    GroupRight,
    NameCount,
    PersonTally,
    ReasonTally,
    RequestTally,
)
from bot.store.tables import AccessRequestRow, DeliveryRow, RedactionCheckRow
from tests.digests.builders import PERIOD, SINCE, UNTIL, digest

TEAM = "T0CALLAUDIO"
ALICE, BOB, BOSS = "U0ALICE00", "U0BOB0000", "U0BOSS000"
NOON = SINCE + timedelta(hours=12)
ACCESS = digest(kind=DigestKind.ACCESS)


def delivery(number, user=ALICE, **changes) -> DeliveryRow:
    values = {
        "id": f"d{number}",
        "team_id": TEAM,
        "user_id": user,
        "source": "command",
        "agent_name": "default",
        "conversation_id": "CA1",
        "direction": "combined",
        "asked_redacted": False,
        "origin_channel_id": "C1",
        "asked_channel_id": "C1",
        "requested_at": NOON,
        "state": "delivered",
        "outcome": "raw",
        "reason": "cleared",
        "ended_at": NOON,
    }
    return DeliveryRow(**{**values, **changes})


def request(number, state, user=ALICE, **changes) -> AccessRequestRow:
    values = {
        "id": f"a{number}",
        "team_id": TEAM,
        "user_id": user,
        "delivery_id": "d1",
        "conversation_id": "CA1",
        "reason": "call quality",
        "hours": 4,
        "state": state,
        "requested_at": NOON,
        "decided_at": None if state == "pending" else NOON,
        "messages": [],
    }
    return AccessRequestRow(**{**values, **changes})


async def stored(database, *rows) -> None:
    async with database.write() as session:
        session.add_all(rows)


async def report(database, period=PERIOD) -> AccessReport:
    return await access_report(database, ACCESS, period)


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
        request(6, "approved", decided_at=UNTIL, user=BOB),  # open at the end of the period
        request(7, "pending", user=BOB, requested_at=UNTIL),
        request(8, "denied", team_id="T0OTHER"),
    )
    found = await report(database)
    assert found.requests == RequestTally(asked=5, approved=2, denied=1, expired=1, pending=2)


async def test_changed_and_ending_grants_are_counted(database):
    def grant(user, **changes) -> NewGrant:
        new = NewGrant(
            subject=Subject(TEAM, SubjectKind.USER, user),
            right=Right.PII,
            effect=Effect.GRANT,
            given_by=BOSS,
            reason="call quality",
            now=NOON,
        )
        return replace(new, **changes)

    soon = UNTIL + timedelta(hours=5)
    async with database.write() as session:
        await add_grant(session, grant(ALICE, expires_at=soon))
        await add_grant(session, grant(BOB, expires_at=UNTIL + timedelta(days=1)))
        await add_grant(session, grant("U0DENIED0", effect=Effect.DENY, expires_at=soon))
        await add_grant(session, grant("U0GONE000", expires_at=soon))
        group = Subject(TEAM, SubjectKind.GROUP, "S0GROUP00")
        early = SINCE - timedelta(days=1)
        await add_grant(session, grant("", subject=group, now=early, expires_at=UNTIL))
        gone = Subject(TEAM, SubjectKind.USER, "U0GONE000")
        await revoke(session, gone, Right.PII, by=BOSS, now=NOON)
    found = await report(database)
    assert found.grants == GrantTally(
        given=3,
        denied=1,
        revoked=1,
        ending=2,
        next_to_end=(
            EndingGrant("group", "S0GROUP00", "pii", UNTIL),
            EndingGrant("user", ALICE, "pii", soon),
        ),
    )


async def test_groups_that_hold_a_right_are_listed_with_its_end(database):
    end = UNTIL + timedelta(days=1)

    def described(group_id, team=TEAM, **changes) -> NewGrant:
        group = Subject(team, SubjectKind.GROUP, group_id)
        new = NewGrant(group, Right.PII, Effect.GRANT, BOSS, "call quality", SINCE)
        return replace(new, **changes)

    async with database.write() as session:
        for each in (
            described("S0BOTH000", expires_at=end),
            described("S0BOTH000", expires_at=None),
            described("S0BOTH000", right=Right.ADMIN),
            described("S0ENDS000", expires_at=end),
            described("S0OVER000", expires_at=UNTIL),
            described("S0DENIED0"),
            described("S0DENIED0", effect=Effect.DENY),
            described("S0REVOKED"),
            described("S0LATER00", now=UNTIL + timedelta(hours=1)),
            described("S0OTHER00", team="T0OTHER"),
            described(ALICE, subject=Subject(TEAM, SubjectKind.USER, ALICE)),
        ):
            await add_grant(session, each)
        gone = Subject(TEAM, SubjectKind.GROUP, "S0REVOKED")
        await revoke(session, gone, Right.PII, by=BOSS, now=NOON)
    found = await report(database)
    assert found.groups == (
        GroupRight("S0BOTH000", "admin"),
        GroupRight("S0BOTH000", "pii"),
        GroupRight("S0ENDS000", "pii", end),
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
    def checked(number, **changes) -> RedactionCheckRow:
        values = {
            "id": f"k{number}",
            "team_id": TEAM,
            "asked_by": "system",
            "cause": "sample",
            "agent_name": "default",
            "conversation_id": "CA1",
            "direction": "combined",
            "requested_at": NOON,
            "ended_at": NOON,
            "verdict": "proven",
        }
        return RedactionCheckRow(**{**values, **changes})

    await stored(
        database,
        checked(1),
        checked(2),
        checked(3, verdict="differs"),
        checked(4, ended_at=UNTIL),
        checked(5, ended_at=None, verdict=None),
        checked(6, team_id="T0OTHER"),
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
