"""The port of the page to the product, which the stand-ins do not import."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.sandbox.person import SlackPerson
from bot.sandbox.recordings import Direction


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the decision, and whether it applied."""

    says: str
    mark: str
    """``passed``: it did not apply. ``applies``: it decided. ``unasked``: an earlier one did."""


@dataclass(frozen=True, slots=True)
class DecisionShown:
    """The outcome of one request, and why."""

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
    """Why an earlier raw recording was taken back, in words."""


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
    """One scene of the story, after it was played."""

    says: str
    """Who did what, and where."""
    came: str
    """The outcome, and why."""
    is_right: bool


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """The result of a check of the audit chain."""

    events: int
    head: str
    findings: Sequence[str]


class Product(Protocol):
    """The bot, as the page needs it."""

    async def is_cleared(self, user_id: str) -> bool | None:
        """Return whether a person may hear raw, by the bot's own rule; None: unknown."""
        ...

    async def audit(self, limit: int) -> Sequence[AuditLine]:
        """Return the newest events, oldest first."""
        ...

    async def verdict(self, channel_id: str, ts: str) -> DecisionShown | None:
        """Return the decision behind a message, if it is a card or in the thread of one."""
        ...

    async def found_after_tampering(self) -> Sequence[str]:
        """Alter an event, return what ``audit verify`` finds, and undo the alteration."""
        ...

    async def check_chain(self) -> ChainCheck:
        """Verify the chain, as ``audit verify`` does."""
        ...

    async def kill_worker(self) -> None:
        """Kill the worker, as a power cut would."""
        ...

    async def start_worker(self) -> None:
        """Start it again."""
        ...

    def story(self, people: SlackPerson) -> AsyncIterator[Scene]:
        """Play the story of the documents, scene by scene, in the existing channels."""
        ...
