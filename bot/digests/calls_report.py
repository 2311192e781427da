"""The report on an agent's conversations: two periods, each streamed in bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bot.digests.digest import Digest, Period
from bot.digests.report import CallsReport, Gap
from bot.digests.summary import Summary
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.call_summary import CallSummary
from bot.recordings.deliveries.delivery import Problem
from bot.recordings.references.agents import AgentNotConfigured

log = get_logger(__name__)

PROGRESS_EVERY: Final = 50_000
BREATHE_EVERY: Final = 1000
"""Rows after which other tasks get a turn, even if the source never waits."""


class CallSource(Protocol):
    """Lists conversations."""

    def between(self, agent: Agent, since: datetime, until: datetime) -> AsyncIterator[CallSummary]:
        """Yield each conversation that began in [since, until), once.

        Raises:
            CallAudioError: the list broke off; every row before that was yielded.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    """The result of reading a period."""

    summary: Summary
    problem: CallAudioError | None


class CallsReporter:
    """Reads and summarizes two periods."""

    def __init__(self, *, source: CallSource, agents: Mapping[str, Agent]) -> None:
        self._source = source
        self._agents = agents

    async def report(self, digest: Digest, period: Period) -> CallsReport:
        """Summarize a period, and the period before it for comparison.

        If the period can be read only in part, the report says so and has no comparison. If the
        period before cannot be read completely, only the comparison is left out.

        Raises:
            AgentNotConfigured: the settings no longer name this agent.
            CallAudioError: nothing could be read.
        """
        agent = self._agents.get(digest.agent_name)
        if agent is None:
            raise AgentNotConfigured(
                what="The agent of this digest is no longer configured.",
                fix="Ask the callaudio operator to add it to POLYAI_AGENTS, or remove the digest.",
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
