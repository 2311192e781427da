"""What the page asks the product; the stand-ins know nothing of it but these answers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.sandbox.person import SlackPerson
from bot.sandbox.recordings import Direction


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the decision: whether it applied, or was asked at all."""

    says: str
    mark: str
    """``passed``: it did not apply. ``applies``: it decided. ``unasked``: one before it decided."""


@dataclass(frozen=True, slots=True)
class DecisionTold:
    """What came of one request, and why."""

    delivery_id: str
    user_id: str
    channel_id: str
    conversation_id: str
    direction: Direction
    outcome: str | None
    state: str
    says: str
    """One sentence."""
    rules: Sequence[Rule]
    taken_back: str = ""
    """Why the raw recording that was there before had to go, in words."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event of the chain."""

    seq: int
    at: float
    """Seconds since 1970."""
    tag: str
    actor_id: str
    delivery_id: str | None
    payload: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene of the story, once it was played."""

    says: str
    """Who did what, and where."""
    came: str
    """What came of it, and why."""
    is_right: bool


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What a check of the audit chain found."""

    events: int
    head: str
    findings: Sequence[str]


class Product(Protocol):
    """The bot, as far as the page looks into it."""

    async def is_cleared(self, user_id: str) -> bool | None:
        """Whether somebody may hear raw, by the function that decides; None: it cannot be told."""
        ...

    async def audit(self, limit: int) -> Sequence[AuditLine]:
        """The newest events, oldest first."""
        ...

    async def verdict(self, channel_id: str, ts: str) -> DecisionTold | None:
        """What made a message, if it is the card of a recording or stands below one."""
        ...

    async def found_after_tampering(self) -> Sequence[str]:
        """What ``audit verify`` finds once an event is altered; the alteration is undone."""
        ...

    async def check_chain(self) -> ChainCheck:
        """Verify it, as ``audit verify`` does."""
        ...

    async def kill_worker(self) -> None:
        """End the worker's process as a power cut would."""
        ...

    async def start_worker(self) -> None:
        """Start it again."""
        ...

    def story(self, people: SlackPerson) -> AsyncIterator[Scene]:
        """Play the story of the documents, scene by scene, in the channels that are there."""
        ...
