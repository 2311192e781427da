"""The facts of a call where they can be had: shown beside the audio, never needed for it."""

from bot.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.errors import PolyAIError
from bot.polyai.payloads import CallFacts

log = get_logger(__name__)


class CallReader:
    """Reads a call's facts and does without them where PolyAI does not give them."""

    def __init__(self, polyai: PolyAIClient) -> None:
        self._polyai = polyai

    async def read(self, agent: Agent, conversation_id: str) -> CallFacts | None:
        """Read the facts; None where they cannot be had. The audio call tells what is wrong."""
        try:
            return await self._polyai.conversation(agent, conversation_id)
        except PolyAIError as error:
            log.info("call_facts_absent", code=error.code, correlation_id=error.correlation_id)
            return None
