"""What the work loop needs to know of one kind of work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.concurrency.urgency import Urgency
from bot.store.due_work import Due


class Admits(Protocol):
    """Tells how much work of a kind may begin now, where something outside is scarce."""

    again_seconds: float
    """Where none may: when to ask again."""

    async def admit(self, room: int) -> int:
        """Tell how many pieces may be claimed, at most ``room``."""
        ...

    def note_claimed(self, admitted: int, claimed: int) -> None:
        """Count how many of them were claimed."""
        ...


@dataclass(frozen=True, slots=True)
class WorkKind:
    """One kind of work.

    Attributes:
        name: the kind in the table.
        run: does one piece; gives when it is due again, or None if it is done. It may run twice.
        at_once: how many pieces a worker runs at the same time.
        waiting: tells how many of them only wait for their turn elsewhere. Those take no room, so
            that what one agent's slow calls hold up does not hold up everybody else's work.
        in_turn: the people for whom it is done are served in turn; other work by its age.
        urgency: who comes first where work of all kinds waits for the same.
        admission: tells how many may begin; without it as many as there is room for.
        give_up: ends a piece whose workers died in it ``MOST_TAKEOVERS`` times in a row; without
            it such a piece is put off by ``SET_ASIDE``.
    """

    name: str
    run: Callable[[Due], Awaitable[datetime | None]]
    at_once: int
    waiting: Callable[[], int] = lambda: 0
    in_turn: bool = False
    urgency: Urgency = Urgency.UPKEEP
    admission: Admits | None = None
    give_up: Callable[[Due], Awaitable[datetime | None]] | None = None
