"""Builds the bot, runs it, and closes everything in reverse order."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from starlette.applications import Starlette

from bot.access.clearance import Clearances
from bot.jobs.background import in_background
from bot.jobs.sqlite_worker_lock import SqliteWorkerLock
from bot.jobs.upkeep import schedule_clean_up
from bot.jobs.waking import listen, watch
from bot.jobs.work_loop import WorkLoop
from bot.observability.metrics import Metrics
from bot.observability.service_availability import ServiceAvailability, watch_services
from bot.recordings.deliveries.backlog_metrics import Backlog
from bot.recordings.deliveries.redaction_safety import RedactionSafety
from bot.recordings.redaction.canary_store import schedule_canary
from bot.settings.model import Settings
from bot.slack.operations import Operations, Probe
from bot.slack.rejected_requests import RejectedRequests
from bot.slack.socket_mode import SocketMode
from bot.slack.web import SlackRequests, build_web
from bot.slack.web_api.identity import Identity
from bot.slack.web_api.rate_limit_stores import HOLD_CHANNEL
from bot.store.database import Database
from bot.store.due_work import DueWork
from bot.store.engines import sqlite_path
from bot.store.revision import is_migrated
from bot.wiring.clock import utc_now
from bot.wiring.core import Core, open_core
from bot.wiring.digests import OpenOutlets, build_outlets
from bot.wiring.listening import build_listening
from bot.wiring.rotation import Rotation
from bot.wiring.timings import Timings
from bot.wiring.worker import Worker, build_worker


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of this process."""

    listens: bool
    works: bool


@dataclass(frozen=True, slots=True)
class Application:
    """A running bot: serve ``web`` while the context lasts."""

    web: Starlette
    database: Database
    metrics: Metrics
    clearances: Clearances
    identity: Identity | None = None
    """The bot at Slack; None: this process makes no calls."""
    rotation: Rotation | None = None
    socket: SocketMode | None = None
    """The connection over which Slack sends requests; None: over HTTP, or not to this process."""


@asynccontextmanager
async def open_application(
    settings: Settings,
    *,
    roles: Roles,
    clock: Callable[[], datetime] = utc_now,
    timings: Timings | None = None,
    open_outlets: OpenOutlets = build_outlets,
) -> AsyncIterator[Application]:
    """Build the bot, run its background work, and close everything in reverse order.

    ``open_outlets`` builds the reporter and the gateway of digests.

    Raises:
        DatabaseNotMigrated, DatabaseNewer: before anything is started.
        SecondWorkerRefused: a second worker on one SQLite file.
    """
    timings = timings or Timings()
    async with AsyncExitStack() as stack:
        core = await open_core(stack, settings, clock, timings.slack_minute_scale)
        probes: dict[str, Probe] = {
            "database": core.database.takes_writes,
            "migrations": lambda: is_migrated(core.database),
        }
        if roles.works:
            outlets = open_outlets(core)
            worker = build_worker(core, timings, outlets)
            loop = await _start_worker(stack, core, worker, timings)
            probes["worker"] = _probe(lambda: loop.is_running)
        slack_requests = socket = None
        if roles.listens:
            app = build_listening(stack, core)
            if settings.slack_app_token:  # then Slack sends requests over the socket only
                token = settings.slack_app_token.get_secret_value()
                socket = SocketMode(app, token, core.client, core.metrics, core.outbound)
                stack.push_async_callback(socket.close)
                await socket.open()
                probes["socket"] = socket.is_open
            else:
                slack_requests = SlackRequests(
                    app,
                    signing_secret=settings.slack_signing_secret.get_secret_value(),
                    rejected_requests=RejectedRequests(core.metrics),
                    clock=clock,
                )
        metrics_address = settings.callaudio_metrics_address
        operations = Operations(
            metrics=core.metrics,
            probes=probes,
            notices={
                "redacted_deliveries": _thawed(RedactionSafety(core.database)),
                **{name: service.probe for name, service in _services(core).items()},
            },
            measure=_measuring(core),
            port=metrics_address[1] if metrics_address else None,
        )
        yield Application(
            web=build_web(operations=operations, slack=slack_requests),
            database=core.database,
            metrics=core.metrics,
            clearances=core.clearances,
            identity=core.identity,
            rotation=Rotation(core, slack_requests, socket, works=roles.works),
            socket=socket,
        )


async def _start_worker(
    stack: AsyncExitStack, core: Core, worker: Worker, timings: Timings
) -> WorkLoop:
    """Start the work of this process.

    On SQLite a lock file ensures that this is the only worker; it continues the unfinished work of
    its predecessor at once. On PostgreSQL several workers share the work under leases.

    Raises:
        SecondWorkerRefused: another worker holds the lock of the SQLite file.
    """
    stack.push_async_callback(worker.calls.close)
    path = sqlite_path(core.database.url)
    due_work = DueWork(database=core.database, clock=core.clock, lease=timings.lease)
    loop = WorkLoop(
        due_work=due_work,
        kinds=worker.kinds,
        clock=core.clock,
        lease=timings.lease,
        poll_seconds=timings.poll_seconds,
        give_way=core.in_flight.give_way,
        metrics=core.metrics,
    )
    if path:
        stack.callback(SqliteWorkerLock.acquire(path).release)
        for kind, key in await due_work.free_all():
            loop.note_taken_over(kind, key)
    else:
        # Continues while running work is drained: if a lease expired, the work would be done twice.
        await stack.enter_async_context(in_background(loop.renew()))
    stack.push_async_callback(loop.stop, timings.drain_seconds)
    core.database.on_work_stored = loop.wake
    holds = {HOLD_CHANNEL: core.rate_limiter.note_notified_hold}
    hearing = watch(path, loop.wake) if path else listen(core.database, loop.wake, hear=holds)
    await stack.enter_async_context(in_background(hearing))
    await stack.enter_async_context(in_background(loop.run()))
    await schedule_clean_up(core.database, core.clock(), timings.clean_up_after)
    if core.settings.callaudio_canary:
        await schedule_canary(core.database, core.clock())
    return loop


def _measuring(core: Core) -> Callable[[], Awaitable[None]]:
    canary = core.settings.callaudio_canary
    backlog = Backlog(
        database=core.database,
        metrics=core.metrics,
        clock=core.clock,
        keep_raw=core.settings.keep_raw,
        canary=canary.rpartition("@")[0] if canary else None,
    )

    async def measure() -> None:
        core.rate_limiter.measure(core.metrics)
        await backlog.measure()

    return measure


def _services(core: Core) -> dict[str, ServiceAvailability]:
    hosts = {urlsplit(agent.base_url).hostname or "" for agent in core.agents.values()}
    return watch_services(core.metrics, hosts)


def _thawed(safety: RedactionSafety) -> Probe:
    async def probe() -> bool:
        return not await safety.is_frozen()

    return probe


def _probe(is_on: Callable[[], bool]) -> Probe:
    async def probe() -> bool:
        return is_on()

    return probe
