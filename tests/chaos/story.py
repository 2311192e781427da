"""What people did, and what they were told at once: the one side that is judged against Slack."""

from dataclasses import dataclass, field
from typing import Literal

Wish = Literal["recording", "unknown", "refused"]
"""A recording that is there, a conversation PolyAI does not know, a place one may not post to."""


@dataclass
class Asked:
    """One command, typed until it was taken or its person had enough."""

    call: str
    wish: Wish
    user: str
    channel: str
    was_taken: bool = False
    is_doubtful: bool = False
    """Whether an attempt went unanswered, so that it may have been taken all the same."""
    said: list[str] = field(default_factory=list)


@dataclass
class Pressed:
    """One press of a button on a card."""

    call: str
    action: Literal["delete", "transcript"]
    was_taken: bool = False


@dataclass
class Story:
    """Everything that people did."""

    asked: dict[str, Asked] = field(default_factory=dict)
    pressed: list[Pressed] = field(default_factory=list)
    digests: set[tuple[str, str]] = field(default_factory=set)
    """The slots that were asked for, by digest."""
    events: list[str] = field(default_factory=list)
    """What went wrong by design, in its order."""
    interrupted_at: list[float] = field(default_factory=list)
    """When a process was killed, told to end or stopped."""

    def presses(self, call: str, action: str) -> list[Pressed]:
        return [each for each in self.pressed if (each.call, each.action) == (call, action)]
