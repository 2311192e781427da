"""The report on an agent's conversations: two periods, each streamed in bounded memory."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.digests.digest import Digest, Period
from bot.digests.report import CallsReport, Gap
from bot.digests.summary import Summary
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.lists import CallLists
from bot.recordings.deliveries.delivery import Problem
from bot.recordings.references.agents import AgentNotConfigured

log = get_logger(__name__)

PROGRESS_EVERY: Final = 50_000
BREATHE_EVERY: Final = 1000
"""Rows after which other tasks get a turn, even if the source never waits."""


class CallsReporter:
    """Reads and summarizes two periods."""

    def __init__(self, *, source: CallLists, agents: Mapping[str, Agent]) -> None:
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
        now, problem = await self._read(digest, agent, period)
        if problem and not now.conversations:
            raise problem
        report = CallsReport(digest.agent_name, now.figures(), now.notable())
        if problem:
            gap = Gap(Problem.of(problem), now.conversations, now.earliest, now.latest)
            return replace(report, gap=gap)
        before, problem = await self._read(digest, agent, period.before)
        if problem:
            return replace(report, before_problem=Problem.of(problem))
        return replace(report, before=before.figures())

    async def _read(
        self, digest: Digest, agent: Agent, period: Period
    ) -> tuple[Summary, CallAudioError | None]:
        """Summarize a period; also returns why it could be read only in part."""
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
        return summary, problem
