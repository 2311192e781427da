"""One of each message and view, of made-up people and calls: whether the workspace accepts them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.access.grants import Right
from bot.access.person import Person
from bot.access.policy import Outcome, Reason, Standing
from bot.access_requests.request import AccessRequest, AccessState
from bot.access_requests.submit import Offer
from bot.cli.checks.finding import Finding, Status, checked
from bot.digests.digest import Digest, DigestKind, Period, Slot
from bot.digests.report import AccessReport, CallsReport, Figures, NameCount, PersonTally
from bot.digests.slack_port import DigestPost
from bot.errors import Unexpected
from bot.home.reading import AdminPart, Home, HomeFacts
from bot.polyai.browsing import Screen
from bot.polyai.normalization import CallSummary
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.deliveries.delivery import Problem
from bot.recordings.deliveries.slack_port import (
    Announcement,
    Delivered,
    PrivateNote,
    PrivateNoteKind,
    TakenBack,
)
from bot.settings.choices import AudienceRule
from bot.slack.access import cards as access_cards
from bot.slack.access import form as access_form
from bot.slack.digest_admin import form as digest_form
from bot.slack.digests import cards as digest_cards
from bot.slack.finder.search import Search
from bot.slack.finder.view import finder
from bot.slack.home.view import home
from bot.slack.recordings import cards
from bot.slack.recordings.private_notes import private_note
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import BlocksRefused

CALL: Final = f"CA{'0123456789abcdef' * 2}"
PERSON: Final = "U012ABCDEF"
CHANNEL: Final = "C012ABCDEF"
AT: Final = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)
ZONE: Final = ZoneInfo("Europe/London")
REPORT: Final = (
    "Update callaudio. If it is the newest version, report this line: nothing in it is personal."
)


async def check_messages(api: SlackApi) -> Finding:
    """Have Slack validate one of each; nothing is posted."""
    what = "messages"

    async def check() -> Finding:
        samples = [
            *((name, {"message": each}) for name, each in messages().items()),
            *((name, {"view": each}) for name, each in views().items()),
        ]
        refused = [name for name, arguments in samples if not await _is_taken(api, arguments)]
        if refused:
            return Finding(what, Status.WRONG, f"Slack refuses: {', '.join(refused)}", REPORT)
        return Finding(what, Status.OK, "Slack takes one of each", is_always_shown=True)

    return await checked(what, check)


async def _is_taken(api: SlackApi, arguments: dict[str, Any]) -> bool:
    try:
        await api.call_with_retries("blocks.validate", **arguments)
    except BlocksRefused:
        return False
    return True


def messages() -> Mapping[str, dict[str, Any]]:
    """Return each message by what it is about."""
    announced = Announcement("d1", CHANNEL, PERSON, CALL)
    delivered = Delivered(
        announcement=announced,
        outcome=Outcome.RAW,
        reason=Reason.CLEARED,
        direction=Direction.COMBINED,
        size_bytes=2**20,
        length_seconds=65.0,
        call=CallFacts(CALL, channel="VOICE-SIP", started_at=AT, length_seconds=65),
        deleted_at=AT + timedelta(hours=24),
        has_picture=True,
    )
    problem = Problem.of(Unexpected())
    note = PrivateNote(PrivateNoteKind.REDACTED, "d1", PERSON, CHANNEL, CALL, None)
    calls = replace(_post(DigestKind.CALLS), report=_calls())
    access = _post(DigestKind.ACCESS)
    return {
        "card on its way": cards.progress(announced, 50),
        "card of a recording": cards.delivered(delivered),
        "card of a recording that was taken back": cards.taken_back(
            TakenBack(announced, "right_ended")
        ),
        "private note on a redacted recording": private_note(replace(note, reason=Reason.AUDIENCE)),
        "private note on a failure": private_note(
            replace(note, kind=PrivateNoteKind.FAILED, problem=problem)
        ),
        "request for access": access_cards.question(_request(), is_reminder=False),
        "answer to a request": access_cards.answer(
            replace(_request(), state=AccessState.DENIED, decided_by=PERSON, decided_at=AT)
        ),
        "digest of calls": digest_cards.message(calls),
        "digest of calls without charts": digest_cards.message(calls, is_plain=True),
        "digest of access": digest_cards.message(access),
    }


def views() -> Mapping[str, dict[str, Any]]:
    """Return each modal, and App Home, by what it is about."""
    rights = frozenset(Right)
    person = Person(Standing.MEMBER, rights, (), is_first_admin=True)
    watched = HomeFacts(person, (_request(),))
    screen = Screen((_call(),), None)
    return {
        "App Home": home(Home(PERSON, AudienceRule.CLEARED, watched, admin=AdminPart()), None),
        "form of a request for access": access_form.form(Offer("d1", CALL, (1, 8))),
        "form of a digest": digest_form.form(("default",)),
        "Find a call": finder(Search("default", AT), screen, ZONE, ("default",)),
    }


def _request() -> AccessRequest:
    return AccessRequest(
        id="a1",
        team_id="T012ABCDEF",
        enterprise_id=None,
        user_id=PERSON,
        delivery_id="d1",
        conversation_id=CALL,
        reason="call quality review",
        hours=8,
        state=AccessState.PENDING,
        requested_at=AT,
    )


def _call() -> CallSummary:
    return CallSummary(CALL, AT, channel="VOICE-SIP", length_seconds=65, direction="inbound")


def _calls() -> CallsReport:
    hours = (0,) * 8 + (3, 2) + (0,) * 14
    reasons = (NameCount("billing", 2),)
    figures = Figures(conversations=5, timed=5, total_seconds=325, hours=hours, reasons=reasons)
    return CallsReport("default", figures, before=figures)


def _post(kind: DigestKind) -> DigestPost:
    digest = Digest(
        id="g1",
        team_id="T012ABCDEF",
        kind=kind,
        channel_id=CHANNEL,
        agent_name="default",
        timetable="09:00",
        zone=ZONE.key,
        owner_id=PERSON,
        paused_because=None,
        revision=1,
    )
    slot = Slot("2026-06-03T09:00", AT, Period(AT - timedelta(days=1), AT, ZONE))
    people = (PersonTally(PERSON, raw=1, redacted=2),)
    return DigestPost(digest, slot, AccessReport(people=people, people_in_all=1))
