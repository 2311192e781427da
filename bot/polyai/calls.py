"""The facts of a call: shown beside the audio if available, never required."""

import asyncio
from functools import partial
from typing import Final

from bot.observability.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.errors import PolyAIError
from bot.polyai.http import Facts
from bot.polyai.payloads import CallFacts

log = get_logger(__name__)

MAX_READS: Final = 4
"""Concurrent reads: each response includes a transcript, so up to 4 MiB are held and parsed."""

LONGEST_READ_SECONDS: Final = 20.0
"""From the request on, including the wait for a free place; hanging tries would take minutes."""

MOST_KEPT: Final = 256


class CallReader:
    """Reads a call's facts, and gives up when PolyAI does not return them in time.

    All users of one reader share its slots; forms and deliveries have a reader each.
    """

    def __init__(
        self, polyai: PolyAIClient, *, longest_seconds: float = LONGEST_READ_SECONDS
    ) -> None:
        self._polyai = polyai
        self._places = asyncio.Semaphore(MAX_READS)
        self._longest_seconds = longest_seconds
        self._started: dict[tuple[str, str], asyncio.Task[CallFacts | None]] = {}

    def begin(self, agent: Agent, conversation_id: str) -> Facts:
        """Start reading the facts in the background; returns a function that waits for them.

        ``known`` returns them later.
        """
        key = (agent.name, conversation_id)
        self._started.pop(key, None)
        self._started[key] = reading = asyncio.create_task(self.read(agent, conversation_id))
        for oldest in list(self._started)[:-MOST_KEPT]:
            if self._started[oldest].done():
                del self._started[oldest]
        return partial(asyncio.shield, reading)

    async def known(self, agent: Agent, conversation_id: str) -> CallFacts | None:
        """Return the facts that ``begin`` started to read, or read them now."""
        reading = self._started.get((agent.name, conversation_id))
        facts = await asyncio.shield(reading) if reading else None
        return facts or await self.read(agent, conversation_id)

    async def close(self) -> None:
        """Cancel every read in progress."""
        started = list(self._started.values())
        self._started.clear()
        for reading in started:
            reading.cancel()
        await asyncio.gather(*started, return_exceptions=True)

    async def read(self, agent: Agent, conversation_id: str) -> CallFacts | None:
        """Read the facts; None if PolyAI fails: the request for the audio reports the cause."""
        try:
            async with asyncio.timeout(self._longest_seconds), self._places:
                return await self._polyai.conversation(agent, conversation_id)
        except TimeoutError:
            log.info("call_facts_absent", code="too_slow")
        except PolyAIError as error:
            log.info("call_facts_absent", code=error.code, correlation_id=error.correlation_id)
        return None
