"""People's actions and the answers to them, which are compared with Slack."""

from dataclasses import dataclass, field
from typing import Literal

Wish = Literal["recording", "unknown", "refused"]
"""An existing recording, an unknown conversation, or a place where nobody may post."""


@dataclass
class Asked:
    """One command, typed until it was accepted or the person gave up."""

    call: str
    wish: Wish
    user: str
    channel: str
    was_taken: bool = False
    is_doubtful: bool = False
    """Whether an attempt was not answered, so that it may have been accepted."""
    said: list[str] = field(default_factory=list)


@dataclass
class Pressed:
    """One press of a button on a card."""

    call: str
    action: Literal["delete", "transcript"]
    was_taken: bool = False


@dataclass
class Story:
    """All actions of people."""

    asked: dict[str, Asked] = field(default_factory=dict)
    pressed: list[Pressed] = field(default_factory=list)
    digests: set[tuple[str, str]] = field(default_factory=set)
    """The requested slots, by digest."""
    events: list[str] = field(default_factory=list)
    """The injected faults, in order."""
    interrupted_at: list[float] = field(default_factory=list)
    """When a process was killed, told to end or stopped."""
