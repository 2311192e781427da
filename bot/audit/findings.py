"""What a verification finds: a kind of fault, its place in the chain, and its description."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from bot.audit.stored import is_number


class ChainFault(StrEnum):
    """A kind of fault of a chain, or of the data that it should cover."""

    ALTERED = "altered"
    REMOVED = "removed"
    UNLINKED = "unlinked"
    REORDERED = "reordered"
    STRAY = "stray"
    TAIL_REMOVED = "tail_removed"
    HEAD_ALTERED = "head_altered"
    UNSEALED = "unsealed"
    ANCHOR_BROKEN = "anchor_broken"
    ANCHOR_UNPROVABLE = "anchor_unprovable"
    TRIGGER_MISSING = "trigger_missing"
    CHAIN_MISSING = "chain_missing"
    GRANT_UNAUDITED = "grant_untold"
    GRANT_ALTERED = "grant_altered"
    DELIVERY_UNAUDITED = "delivery_untold"
    DELIVERY_GONE = "delivery_gone"
    DELIVERY_ALTERED = "delivery_altered"
    CHECK_UNAUDITED = "check_untold"
    CHECK_ALTERED = "check_altered"
    CHECK_GONE = "check_gone"


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """One fault, and its place in the chain; ``seq`` is None if it has none."""

    team_id: str
    seq: int | None
    fault: ChainFault
    says: str


def plain(value: object) -> str:
    """Format any value of a row so that it can be printed."""
    return value if isinstance(value, str) and value.isprintable() else ascii(value)


def at_event(row: Row[Any], fault: ChainFault, says: str) -> ChainFinding:
    """Build the finding about an event, or about another numbered row of its chain."""
    return ChainFinding(plain(row.team_id), row.seq if is_number(row.seq) else None, fault, says)


def refers_to(row: Row[Any], subject: str) -> str:
    """Describe an event by what it is about."""
    return f"event {plain(row.seq)} ({plain(row.tag)}) refers to {subject}"


def has_instead(name: str, is_now: object, was: object) -> str:
    """Describe a value that differs from the recorded one."""
    return f"has {name} = {plain(is_now)} instead of {plain(was)}"
