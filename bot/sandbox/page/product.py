"""What the page asks the product; the stand-ins know nothing of it but these answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


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
    state: str
    says: str
    """One sentence."""
    rules: Sequence[Rule]


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

    async def kill_worker(self) -> None:
        """End the worker's process as a power cut would."""
        ...

    async def start_worker(self) -> None:
        """Start it again."""
        ...
