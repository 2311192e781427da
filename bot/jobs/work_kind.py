"""A kind of work, and one run of it: a failure postpones it, or is reported."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.concurrency.urgency import Urgency
from bot.errors import CallAudioError, Unexpected
from bot.network.retry import backoff_seconds
from bot.observability.logs import get_logger
from bot.store.due_work import Due
from bot.store.failures import is_away

log = get_logger(__name__)

LONGEST_POSTPONED_SECONDS: Final = 300.0
MOST_TAKEOVERS: Final = 8
"""How many workers may die while running one piece of work before it is given up."""
SET_ASIDE: Final = timedelta(hours=1)


class WorkerDied(CallAudioError):
    """Every worker that ran a piece of work died while running it."""

    code = "worker_died"
    what = "This was not done: callaudio itself stopped each time it tried."
    likely_cause = "What was asked for makes it stop, or its machine has too little memory."
    fix = "Tell the callaudio operator the reference."


class AdmissionControl(Protocol):
    """Limits how much work of a kind may start now, for a scarce resource outside."""

    again_seconds: float
    """When to ask again if none may start."""

    async def admit(self, room: int) -> int:
        """Return how many pieces may be claimed, at most ``room``."""
        ...

    def note_claimed(self, admitted: int, claimed: int) -> None:
        """Count how many of them were claimed."""
        ...

    def assign_reserved(self) -> None:
        """Assign what was reserved for one claimed piece to the task that runs it."""
        ...


@dataclass(frozen=True, slots=True)
class WorkKind:
    """One kind of work.

    Attributes:
        name: the kind in the table.
        run: does one piece; returns when it is due again, or None if it is done. It may run twice.
        at_once: how many pieces a worker runs at the same time.
        waiting: returns how many running pieces only wait for their turn elsewhere. They take no
            room, so that the slow calls of one agent do not delay all other work.
        in_turn: whether flows, and requesters in each, are served in turn; otherwise the oldest
            work comes first.
        urgency: the priority where work of all kinds waits for the same resource.
        admission: limits how many may start; without it, as many as there is room for.
        longest_wait: for periodic work, how long at most until it is due again.
        give_up: ends a piece whose workers died ``MOST_TAKEOVERS`` times in a row while running
            it; without it such a piece is postponed by ``SET_ASIDE``.
    """

    name: str
    run: Callable[[Due], Awaitable[datetime | None]]
    at_once: int
    waiting: Callable[[], int] = lambda: 0
    in_turn: bool = False
    urgency: Urgency = Urgency.UPKEEP
    admission: AdmissionControl | None = None
    longest_wait: timedelta | None = None
    give_up: Callable[[Due], Awaitable[datetime | None]] | None = None


async def run_once(kind: WorkKind, due: Due, clock: Callable[[], datetime]) -> datetime | None:
    """Run one piece of work; returns when it is due again, None if it is done.

    A failure postpones it. Errors of an unavailable database are raised: without it no result can
    be stored.
    """
    try:
        if due.takeovers < MOST_TAKEOVERS:
            if kind.admission:
                kind.admission.assign_reserved()
            return await kind.run(due)
        log.error("work_given_up", kind=due.kind, key=due.key, takeovers=due.takeovers)
        if kind.give_up:
            return await kind.give_up(due)
        return clock() + SET_ASIDE
    except CallAudioError as error:
        log.warning("work_delayed", kind=due.kind, key=due.key, code=error.code)
    except Exception as error:
        if is_away(error):
            raise
        log.exception("work_broke", kind=due.kind, key=due.key)
    seconds = backoff_seconds(due.tries, first=1.0, longest=LONGEST_POSTPONED_SECONDS)
    return clock() + timedelta(seconds=seconds)


async def attempt(work: Awaitable[None], due: Due) -> CallAudioError | None:
    """Run one try; returns its error, if any. Raises if the database is away."""
    try:
        await work
    except CallAudioError as error:
        log.info("attempt_failed", kind=due.kind, key=due.key, code=error.code, tries=due.tries)
        return error
    except Exception as error:
        if is_away(error):
            raise
        # A bug is reported to people too; the reference id leads from their message to this line.
        log.exception("attempt_broke", kind=due.kind, key=due.key)
        return Unexpected()
    return None
