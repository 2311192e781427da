"""The worker: whether one runs, and whether requests and other work wait for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.cli.checks.finding import Finding, Status
from bot.jobs.sole_worker import SoleWorker
from bot.jobs.waking import is_listened
from bot.recordings.deliveries.backlog import oldest_delivery, work_by_kind
from bot.slack.wording import counted
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.engines import sqlite_path

WHAT: Final = "worker"
OWN_PORT: Final = "On one machine the two need different ports: `PORT=… callaudio worker`."
START: Final = f"Start `callaudio run`, or `callaudio web` and `callaudio worker`. {OWN_PORT}"
START_WORKER: Final = (
    f"Start `callaudio worker` if `callaudio web` runs, else `callaudio run`. {OWN_PORT}"
)
LONGEST_WAIT: Final = timedelta(minutes=1)
"""A running worker leaves a request for longer only if it is overloaded, limited or stopped."""


@dataclass(frozen=True, slots=True)
class _WaitingWork:
    """The work that is due and that no worker does."""

    requests: int
    others: int
    longest: timedelta
    """How long the oldest request has waited."""

    def __str__(self) -> str:
        """Say it in words; empty if nothing waits."""
        if self.requests:
            have = counted(self.requests, "request has", "requests have")
            most = "up to " if self.requests > 1 else ""
            return f"{have} waited {most}{_span(self.longest)}"
        if self.others:
            return counted(self.others, "piece of work is due", "pieces of work are due")
        return ""


async def check_worker(
    database: Database, clock: Callable[[], datetime], *, hears_notifications: bool
) -> list[Finding]:
    """Find out whether a worker runs, by its lock, its leases or its connection to PostgreSQL.

    ``hears_notifications``: whether PostgreSQL is reached directly. Behind a pooler in transaction
    mode the connections do not show which of them belongs to a worker.
    """
    now, path = clock(), sqlite_path(database.url)
    async with database.read() as session:
        kinds = (await session.execute(work_by_kind(now, has_leases=path is None))).all()
        oldest = await session.scalar(oldest_delivery())
    runs: bool | None = None
    if path:
        runs = await asyncio.to_thread(SoleWorker.is_claimed, path)
    elif any(held for _, _, held, _ in kinds):
        runs = True
    elif hears_notifications:
        runs = await is_listened(database)
    # A SQLite file has no leases: what a dead worker held waits too.
    due = {kind: waiting + (held if runs is False else 0) for kind, waiting, held, _ in kinds}
    due.pop(DueWorkKind.CLEAN_UP, None)  # nobody waits for it
    requests = due.pop(DueWorkKind.DELIVER, 0)
    longest = now - oldest if oldest else timedelta(0)
    return [_finding(runs, _WaitingWork(requests, sum(due.values()), longest))]


def _finding(runs: bool | None, waiting: _WaitingWork) -> Finding:  # noqa: FBT001 - three-valued
    said = str(waiting)
    if runs is False and said:
        return Finding(WHAT, Status.WRONG, f"{said}, and no worker runs", START_WORKER)
    if runs is False:
        return Finding(WHAT, Status.SET, "none runs: requests would not be worked on", START)
    if runs is None and said:
        fix = f"If none runs: {START_WORKER}"
        return Finding(WHAT, Status.SET, f"{said}; whether one runs cannot be seen", fix)
    if runs is None:
        says = "whether one runs cannot be seen from here"
        return Finding(WHAT, Status.SET, says, is_always_shown=True)
    if waiting.requests and waiting.longest > LONGEST_WAIT:
        fix = "Read the worker's log; if it writes nothing, restart the worker."
        return Finding(WHAT, Status.SET, f"one runs, but {said}", fix)
    return Finding(WHAT, Status.OK, "one runs")


def _span(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    for unit, unit_seconds in {"h": 3600, "min": 60}.items():
        if seconds >= 2 * unit_seconds:
            return f"{seconds // unit_seconds} {unit}"
    return f"{seconds} s"
