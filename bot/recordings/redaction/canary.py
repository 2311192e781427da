"""The canary: a known call in which the plain key must return known spans muted.

An inconclusive check proves nothing about the key: PolyAI may be unavailable, slow or busy.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.errors import CallAudioError
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.recordings.audio.spans import Span
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.canary_store import (
    CanaryFinding,
    CanaryResult,
    CanaryStore,
    CanaryVerdict,
)
from bot.recordings.redaction.outcome import Comparison
from bot.recordings.references.agents import choose_agent
from bot.recordings.references.reference import parse_reference
from bot.store.due_work import Due
from bot.text.time_spans import parse_time_span

EVERY: Final = timedelta(hours=1)
AGAIN_AFTER: Final = timedelta(minutes=5)
"""The interval after an inconclusive check."""
LONGEST_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Canary:
    """A call, as named in the setting, and the spans that must be muted."""

    conversation: str
    spans: tuple[Span, ...]


def canary_of(setting: str | None) -> Canary | None:
    """Parse the setting, which was validated at the start."""
    if setting is None:
        return None
    conversation, _, spans = setting.rpartition("@")
    return Canary(conversation, tuple(Span(*parse_time_span(each)) for each in spans.split(",")))


class CanaryCheck:
    """Fetches the canary with the plain key, and freezes deliveries if it is raw."""

    def __init__(
        self,
        *,
        canary: Canary | None,
        polyai: PolyAIClient,
        agents: Mapping[str, Agent],
        store: CanaryStore,
        home_team: Callable[[], Awaitable[str]],
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._canary = canary
        self._polyai = polyai
        self._agents = agents
        self._store = store
        self._home_team = home_team
        self._longest_seconds = longest_seconds

    async def run(self, due: Due) -> datetime | None:
        """Check the canary once; returns when to check again, None if no canary is set."""
        del due
        if self._canary is None:
            return None
        result = await self.check(self._canary)
        await self._store.note(self._canary.conversation, await self._home_team(), result)
        is_notified = result.verdict is not CanaryVerdict.INCONCLUSIVE
        return self._store.clock() + (EVERY if is_notified else AGAIN_AFTER)

    async def check(self, canary: Canary) -> CanaryResult:
        """Check whether the plain key returns a redacted recording."""
        try:
            async with asyncio.timeout(self._longest_seconds):
                return await self._compare(canary)
        except CallAudioError as error:
            return CanaryResult(CanaryVerdict.INCONCLUSIVE, error.code)
        except TimeoutError:
            return CanaryResult(CanaryVerdict.INCONCLUSIVE, CanaryFinding.TOO_SLOW)

    async def _compare(self, canary: Canary) -> CanaryResult:
        reference = parse_reference(canary.conversation)
        agent = choose_agent(self._agents, reference)

        async def brings(*, redacted: bool) -> Comparison:
            opening = self._polyai.open_to_check(
                agent, reference.conversation_id, redacted=redacted
            )
            async with opening as stream, aclosing(stream.chunks()) as chunks:
                return await _listen(chunks, canary.spans)

        redacted = await brings(redacted=True)
        if redacted.verdict is Verdict.DIFFERS:
            return CanaryResult(CanaryVerdict.BROKEN, CanaryFinding.SPAN_HEARD, redacted.heard_db)
        if redacted.uncertainty:
            return CanaryResult(CanaryVerdict.INCONCLUSIVE, redacted.uncertainty)
        plain = await brings(redacted=False)
        if plain.uncertainty:
            return CanaryResult(CanaryVerdict.INCONCLUSIVE, plain.uncertainty)
        if plain.redacted_sha256 == redacted.redacted_sha256:
            return CanaryResult(CanaryVerdict.HELD)
        # Only if repeated answers are equal, the parameter causes the difference.
        again = await brings(redacted=True), await brings(redacted=False)
        digests = redacted.redacted_sha256, plain.redacted_sha256
        if digests == tuple(each.redacted_sha256 for each in again):
            return CanaryResult(CanaryVerdict.BROKEN, CanaryFinding.ANSWERS_DIFFER)
        return CanaryResult(CanaryVerdict.INCONCLUSIVE, CanaryFinding.UNSTEADY)


async def _listen(chunks: AsyncIterator[bytes], spans: tuple[Span, ...]) -> Comparison:
    """Check whether these spans are muted, by comparing the recording with itself."""
    from bot.recordings.redaction.comparator import Comparator  # noqa: PLC0415 - loads numpy

    comparator = Comparator(spans)
    bodies = (comparator.raw, comparator.redacted)
    async for piece in chunks:
        for body in bodies:
            body.feed(piece)
        comparator.work()
    for body in bodies:
        body.end()
    return comparator.finish()
