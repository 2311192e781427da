"""Redaction checks: both recordings are fetched in parallel, and held only in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.observability.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.errors import RecordingCutShort
from bot.recordings.audio.spans import Span
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore
from bot.recordings.redaction.outcome import Comparison, Uncertainty, inconclusive
from bot.store.due_work import Due

log = get_logger(__name__)

LONGEST_SECONDS: Final = 900.0
AGAIN_AFTER: Final = timedelta(minutes=1)
MOST_TRIES: Final = 10

Notify = Callable[[Check], Awaitable[None]]
"""Notifies the person who requested a check of its outcome."""


class NoRawKey(CallAudioError):
    """The agent has no raw key, so there is nothing to compare with."""

    code = "no_raw_key_to_check"
    what = "Redaction cannot be checked: this agent has no key for unredacted recordings."
    fix = "Ask the callaudio operator to set `POLYAI_PII_API_KEY`."


class RedactionChecks:
    """Runs checks: each fetches the raw recording, which is audited, and keeps none of it."""

    def __init__(
        self,
        *,
        store: CheckStore,
        polyai: PolyAIClient,
        agents: Mapping[str, Agent],
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._polyai = polyai
        self._agents = agents
        self._metrics = metrics

    async def compare(self, check: Check, must_be_muted: Sequence[Span] = ()) -> Comparison:
        """Fetch both and compare them; a recording that breaks off gives an outcome.

        Raises:
            NoRawKey: the agent has no raw key.
            CallAudioError: one of the two cannot be fetched.
        """
        agent = self._agents.get(check.agent_name)
        if agent is None or agent.pii_api_key is None:
            raise NoRawKey
        from bot.recordings.redaction.comparator import compare_streams  # noqa: PLC0415 - loads numpy

        opened = partial(
            self._polyai.open_audio, agent, check.conversation_id, direction=check.direction
        )
        await self._store.note_raw_requested(check)
        try:
            async with (
                asyncio.timeout(LONGEST_SECONDS),
                opened(raw=True) as raw,
                opened(raw=False) as redacted,
                aclosing(raw.chunks()) as spoken,
                aclosing(redacted.chunks()) as muted,
            ):
                found = await compare_streams(spoken, muted, must_be_muted)
        except (TimeoutError, RecordingCutShort):
            found = inconclusive(Uncertainty.BROKEN_OFF)
        self._count(check, found)
        return found

    async def run(self, due: Due, notify: Notify) -> datetime | None:
        """Run a stored check and notify the person who asked; returns when to try again, if so."""
        check = await self._store.read(due.key)
        if check.says is None:
            try:
                found = await self.compare(check)
            except CallAudioError as error:
                if error.retryable and due.tries + 1 < MOST_TRIES:
                    return self._store.clock() + AGAIN_AFTER
                log.info("redaction_not_checked", check_id=check.id, code=error.code)
                found = inconclusive(Uncertainty.BROKEN_OFF)
                self._count(check, found)
            await self._store.end(check, found)
        if check.cause is CheckCause.ASKED:
            await notify(await self._store.read(check.id))
        return None

    def _count(self, check: Check, found: Comparison) -> None:
        self._metrics.redaction_checks.labels(verdict=found.verdict.value).inc()
        level = log.error if found.verdict is Verdict.DIFFERS else log.info
        level(
            "redaction_checked",
            check_id=check.id,
            cause=check.cause.value,
            verdict=found.verdict.value,
            uncertainty=found.uncertainty.value if found.uncertainty else None,
        )
