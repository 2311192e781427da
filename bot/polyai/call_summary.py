"""One row of a list of conversations, the same from both of PolyAI's lists."""

from dataclasses import dataclass
from datetime import datetime

from bot.polyai.payloads import is_chat


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What is read of a row; None for what the list does not contain.

    Attributes:
        conversation_id: PolyAI's id, unchanged.
        started_at: aware, UTC.
        channel: ``VOICE-SIP``, ``WEBCHAT``, ``CHAT`` or another upper-case word.
        length_seconds: whole seconds of the entire call.
        direction: ``inbound`` or ``outbound``; not in the v3 list.
        in_progress: whether the call is still going on.
        handoff: whether it was passed on to a person.
        handoff_reason: the agent's own name for the reason, bounded, without runs of digits.
        masked_caller: the number of the person, masked.
        silences: turns in which the person said nothing; not in the v1 list.
        turns: all turns; not in the v1 list.
    """

    conversation_id: str
    started_at: datetime
    channel: str | None = None
    length_seconds: int | None = None
    direction: str | None = None
    in_progress: bool | None = None
    handoff: bool | None = None
    handoff_reason: str | None = None
    masked_caller: str | None = None
    silences: int | None = None
    turns: int | None = None

    @property
    def is_chat(self) -> bool:
        """Whether it is a chat, which has no recording."""
        return is_chat(self.channel)
