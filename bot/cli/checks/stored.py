"""What the store shows: whether a worker runs, the canary's last result, and the digests' zones."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import available_timezones

import psycopg
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bot.cli.checks.finding import CHECK_SECONDS, Finding, Status, unchecked
from bot.cli.checks.rights import CountedGrants, count_grants
from bot.cli.checks.store import WAKING
from bot.concurrency.gather import both, every
from bot.jobs.sqlite_worker_lock import SqliteWorkerLock
from bot.jobs.waking import is_listened
from bot.recordings.deliveries.backlog_metrics import oldest_delivery, work_by_kind
from bot.recordings.redaction.canary_store import CanaryState, CanaryStore, CanaryVerdict
from bot.settings.model import Settings
from bot.slack.wording import counted
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.engines import sqlite_path
from bot.store.tables import DigestRow

T = TypeVar("T")

NEEDED: Final = ("database", "migrations")
"""What has to be in order before anything is read from the store."""
WORKER: Final = "worker"
CANARY: Final = "canary"
ZONES: Final = "time zones"
OWN_PORT: Final = "On one machine the two need different ports: `PORT=… callaudio worker`."
START: Final = f"Start `callaudio run`, or `callaudio web` and `callaudio worker`. {OWN_PORT}"
START_WORKER: Final = (
    f"Start `callaudio worker` if `callaudio web` runs, else `callaudio run`. {OWN_PORT}"
)
LONGEST_WAIT: Final = timedelta(minutes=1)
"""A running worker leaves a request for longer only if it is overloaded, limited or stopped."""
THAW: Final = (
    "Replace the plain key by one without PII access, then "
    '`callaudio canary thaw --reason "plain key replaced"`.'
)


async def read_stored(
    settings: Settings, in_store: list[Finding], team_id: str | None, clock: Callable[[], datetime]
) -> tuple[list[Finding], CountedGrants | None]:
    """Read what the store shows, if it is in order, and how many hold rights; None: unknown."""
    missing = [each for each in in_store if each.what in NEEDED and each.state is not Status.OK]
    if missing:
        none = CountedGrants() if missing[0].state is Status.SET else None
        return [unchecked(each, missing[0].what) for each in (WORKER, CANARY, ZONES)], none
    is_direct = any(each.what == WAKING and each.state is Status.OK for each in in_store)
    reads = (
        lambda store: check_worker(store, clock, hears_notifications=is_direct),
        lambda store: check_canary(store, settings.callaudio_canary, clock),
        check_zones,
    )
    url, first_admins = settings.database_url, settings.callaudio_admins
    found, grants = await both(
        every(_read(url, each) for each in reads),
        _read(url, lambda store: count_grants(store, first_admins, team_id, clock)),
    )
    return [each for part in found for each in part or ()], grants


async def _read(database_url: str, read: Callable[[Database], Awaitable[T]]) -> T | None:
    """Return the result of ``read`` on a migrated database; None if the database fails."""
    database = Database(database_url)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await read(database)
    except (SQLAlchemyError, psycopg.Error, OSError):  # OSError: TimeoutError too
        return None
    finally:
        await database.close()


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
        runs = await asyncio.to_thread(SqliteWorkerLock.is_held, path)
    elif any(held for _, _, held, _ in kinds):
        runs = True
    elif hears_notifications:
        runs = await is_listened(database)
    # A SQLite file has no leases: what a dead worker held waits too.
    due = {kind: waiting + (held if runs is False else 0) for kind, waiting, held, _ in kinds}
    due.pop(DueWorkKind.CLEAN_UP, None)  # nobody waits for it
    requests = due.pop(DueWorkKind.DELIVER, 0)
    longest = now - oldest if oldest else timedelta(0)
    waits = _waiting_work(requests, sum(due.values()), longest)
    return [_worker_finding(runs, waits, is_late=requests > 0 and longest > LONGEST_WAIT)]


def _waiting_work(requests: int, others: int, longest: timedelta) -> str:
    """Say what is due and done by no worker, and for how long; empty if nothing waits."""
    if requests:
        have = counted(requests, "request has", "requests have")
        return f"{have} waited {'up to ' if requests > 1 else ''}{_span(longest)}"
    if others:
        return counted(others, "piece of work is due", "pieces of work are due")
    return ""


def _worker_finding(runs: bool | None, waits: str, *, is_late: bool) -> Finding:  # noqa: FBT001 - three-valued
    if runs is False and waits:
        return Finding(WORKER, Status.WRONG, f"{waits}, and no worker runs", START_WORKER)
    if runs is False:
        return Finding(WORKER, Status.SET, "none runs: requests would not be worked on", START)
    if runs is None and waits:
        fix = f"If none runs: {START_WORKER}"
        return Finding(WORKER, Status.SET, f"{waits}; whether one runs cannot be seen", fix)
    if runs is None:
        says = "whether one runs cannot be seen from here"
        return Finding(WORKER, Status.SET, says, is_always_shown=True)
    if is_late:
        fix = "Read the worker's log; if it writes nothing, restart the worker."
        return Finding(WORKER, Status.SET, f"one runs, but {waits}", fix)
    return Finding(WORKER, Status.OK, "one runs")


def _span(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    for unit, unit_seconds in {"h": 3600, "min": 60}.items():
        if seconds >= 2 * unit_seconds:
            return f"{seconds // unit_seconds} {unit}"
    return f"{seconds} s"


async def check_canary(
    database: Database, setting: str | None, clock: Callable[[], datetime]
) -> list[Finding]:
    """Read the state of the canary from the store."""
    named = setting.rpartition("@")[0] if setting else None
    states = await CanaryStore(database=database, clock=clock).read()
    found = []
    for state in states:
        if state.frozen_at:
            says = (
                f"no redacted recordings are delivered since {state.frozen_at:%Y-%m-%d %H:%M} UTC: "
                f"the plain key returns raw ({state.found})"
            )
            found.append(Finding(CANARY, Status.WRONG, says, THAW))
        elif state.conversation == named:
            found.append(_last_check(state))
    if named and not any(state.conversation == named for state in states):
        says = "no worker has checked it yet"
        found.append(Finding(CANARY, Status.SET, says, is_always_shown=True))
    return found or [Finding(CANARY, Status.SET, "CALLAUDIO_CANARY is not set")]


def _last_check(state: CanaryState) -> Finding:
    at = f"{state.checked_at:%Y-%m-%d %H:%M} UTC"
    if state.verdict is CanaryVerdict.HELD:
        return Finding(CANARY, Status.OK, f"the plain key returned the moments muted at {at}")
    held = f"{state.held_at:%Y-%m-%d %H:%M} UTC" if state.held_at else "never"
    says = f"unknown at {at} ({state.found}); last good check: {held}"
    return Finding(CANARY, Status.SET, says, is_always_shown=True)


async def check_zones(database: Database) -> list[Finding]:
    """Look up the zone of each digest."""
    async with database.read() as session:
        rows = (await session.execute(select(DigestRow.zone, DigestRow.id))).all()
    known = available_timezones()
    if unknown := sorted({zone for zone, _ in rows if zone not in known}):
        says = f"unknown to this machine, so their digests do not come: {', '.join(unknown)}"
        return [Finding(ZONES, Status.WRONG, says, "pip install --upgrade tzdata")]
    return [Finding(ZONES, Status.OK, f"{len(known)} known, those of all digests among them")]
