"""The report on an agent's conversations: two periods, streamed, each summed up in flat memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bot.digests.digest import Digest, Period
from bot.digests.report import CallsReport, Gap
from bot.digests.summary import Summary
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.call_summary import CallSummary
from bot.recordings.agents import AgentNotConfigured
from bot.recordings.slack_port import Problem

log = get_logger(__name__)

PROGRESS_EVERY: Final = 50_000
BREATHE_EVERY: Final = 1000
"""Rows after which others get a turn on the event loop, also where the source never waits."""


class CallSource(Protocol):
    """Where conversations are listed."""

    def between(self, agent: Agent, since: datetime, until: datetime) -> AsyncIterator[CallSummary]:
        """Give each conversation that began from ``since`` on and before ``until``, once.

        Raises:
            CallAudioError: after what could be read was given.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    """What came of reading a period."""

    summary: Summary
    problem: CallAudioError | None


class CallsReporter:
    """Reads and sums up."""

    def __init__(self, *, source: CallSource, agents: Mapping[str, Agent]) -> None:
        self._source = source
        self._agents = agents

    async def report(self, digest: Digest, period: Period) -> CallsReport:
        """Sum up a period and the one before it.

        A period that breaks off is told of as such, and then compared with nothing. The one before
        it must be read as a whole to be compared with; if it is not, the report stands.

        Raises:
            AgentNotConfigured: the settings name no such agent any more.
            CallAudioError: nothing could be read at all.
        """
        agent = self._agents.get(digest.agent_name)
        if agent is None:
            raise AgentNotConfigured(
                what="The agent of this digest is not set up any more.",
                fix="Ask whoever runs callaudio to add it to POLYAI_AGENTS, or remove the digest.",
            )
        now = await self._read(digest, agent, period)
        if now.problem and not now.summary.conversations:
            raise now.problem
        before = None if now.problem else await self._read(digest, agent, period.before)
        compared = before and not before.problem
        return CallsReport(
            agent_name=digest.agent_name,
            figures=now.summary.figures(),
            notable=now.summary.notable(),
            before=before.summary.figures() if before and compared else None,
            gap=_gap(now),
            before_problem=Problem.of(before.problem) if before and before.problem else None,
        )

    async def _read(self, digest: Digest, agent: Agent, period: Period) -> _Read:
        summary = Summary(period.zone)
        about = {"digest_id": digest.id, "since": period.since.isoformat()}
        problem: CallAudioError | None = None
        try:
            async for call in self._source.between(agent, period.since, period.until):
                summary.add(call)
                if summary.conversations % BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
                if summary.conversations % PROGRESS_EVERY == 0:
                    log.info("digest_progress", read=summary.conversations, **about)
        except CallAudioError as error:
            log.warning("digest_gap", read=summary.conversations, code=error.code, **about)
            problem = error
        log.info("digest_read", read=summary.conversations, is_whole=problem is None, **about)
        return _Read(summary, problem)


def _gap(read: _Read) -> Gap | None:
    if read.problem is None:
        return None
    summary = read.summary
    return Gap(Problem.of(read.problem), summary.conversations, summary.earliest, summary.latest)
