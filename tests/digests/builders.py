"""Digests, periods, listed calls and a source of them."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from bot.digests.digest import Digest, DigestKind, Period, Slot
from bot.digests.report import CallsReport, Figures, Report
from bot.digests.slack_port import DigestPost
from bot.polyai.agents import Agent
from bot.polyai.normalization import CallSummary

LONDON = ZoneInfo("Europe/London")
SINCE = datetime(2026, 6, 1, 23, tzinfo=UTC)
"""Midnight in London."""
UNTIL = SINCE + timedelta(days=1)
PERIOD = Period(SINCE, UNTIL, LONDON)
AGENT = Agent("default", "PROJECT-1", "us", "https://api.us.poly.ai", SecretStr("k"), None)
AGENTS = {"default": AGENT}


def call_id(number: int) -> str:
    return f"CA{number:032x}"


def listed(number: int = 1, **changes) -> CallSummary:
    """A short, uneventful call of three turns, some minutes into the period."""
    call = CallSummary(
        conversation_id=call_id(number),
        started_at=SINCE + timedelta(minutes=number),
        channel="VOICE-SIP",
        length_seconds=60,
        direction="inbound",
        in_progress=False,
        handoff=False,
        handoff_reason=None,
        masked_caller="+44•••••••90",
        silences=0,
        turns=3,
    )
    return replace(call, **changes)


def digest(**changes) -> Digest:
    return replace(
        Digest(
            id="g1",
            team_id="T0CALLAUDIO",
            kind=DigestKind.CALLS,
            channel_id="C0QUALITY0",
            agent_name="default",
            timetable="09:00",
            zone="Europe/London",
            owner_id="U0ALICE00",
            paused_because=None,
            revision=1,
        ),
        **changes,
    )


def calls_report(**changes) -> CallsReport:
    return replace(CallsReport("default", Figures()), **changes)


def post(report: Report, **changes) -> DigestPost:
    slot = Slot("2026-06-03T09:00", UNTIL + timedelta(hours=9), PERIOD)
    return replace(DigestPost(digest(), slot, report), **changes)


class Listing:
    """A source that yields its calls, and fails where ``breaks`` says."""

    def __init__(self, calls: Iterable[CallSummary] = ()) -> None:
        self.calls = list(calls)
        self.breaks: dict[datetime, tuple[int, Exception]] = {}
        """By the start of a period: the number of calls before the failure, and its error."""
        self.asked: list[tuple[str, datetime, datetime]] = []

    async def between(
        self, agent: Agent, since: datetime, until: datetime
    ) -> AsyncIterator[CallSummary]:
        self.asked.append((agent.name, since, until))
        after, error = self.breaks.get(since, (-1, None))
        within = [call for call in self.calls if since <= call.started_at < until]
        for call in within if error is None else within[:after]:
            yield call
        if error:
            raise error
