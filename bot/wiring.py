"""The one place that builds and closes everything with a lifetime."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.applications import Starlette

from bot.access.audience import AudienceReader
from bot.access.deciding import Decider
from bot.jobs.dispatcher import Dispatcher
from bot.jobs.engine import Engine, run_step
from bot.jobs.leases import LAPSE, Leases, SoleWorker
from bot.jobs.workflow import DeliveryWorkflow, RetryRule
from bot.metrics import Metrics
from bot.polyai.agents import Agent, build_host
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.polyai.transport import build_http_client
from bot.recordings.agents import DEFAULT_AGENT
from bot.recordings.asking import Asking
from bot.recordings.deliver import DeliverySteps
from bot.recordings.destination import Destinations
from bot.recordings.endings import Endings
from bot.recordings.record import DeliveryLog
from bot.recordings.relay import Relay
from bot.recordings.requests import RequestBook
from bot.recordings.sharing import Patience, Sharing
from bot.settings import AudienceRule, Settings
from bot.slack.api import SlackApi, build_client, build_session
from bot.slack.app import build_app
from bot.slack.directory import SlackDirectory
from bot.slack.identity import Identity
from bot.slack.listeners import Listeners
from bot.slack.posting import SlackPosting
from bot.slack.socket_mode import SocketMode
from bot.slack.web import Probe, build_web
from bot.store.database import Database, sqlite_path
from bot.store.schema import is_migrated

# Deliveries under way in one worker; most of them wait for somebody else's server.
MAX_DELIVERIES: Final = 32
# Bodies moving at a time: each holds a few network buffers.
MAX_RELAYS: Final = 8
SOLE_EXECUTOR: Final = "sole-worker"


class DatabaseNotMigrated(Exception):
    """The database is not at the newest revision: run `callaudio migrate` first."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What this process does."""

    listens: bool
    works: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things wait for one another; tests wait less."""

    patience: Patience = field(default_factory=Patience)
    retry: RetryRule = field(default_factory=RetryRule)
    lapse: timedelta = LAPSE
    drain_seconds: int = 20


@dataclass(frozen=True, slots=True)
class Application:
    """A running bot: serve ``web`` until ``stopping`` is set."""

    web: Starlette
    database: Database
    metrics: Metrics
    stopping: asyncio.Event


def utc_now() -> datetime:
    """Tell the time; everything that needs it is given a clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_application(
    settings: Settings,
    *,
    roles: Roles,
    clock: Callable[[], datetime] = utc_now,
    pace: Pace | None = None,
) -> AsyncIterator[Application]:
    """Build the bot, run its background work, and close it all in reverse.

    Raises:
        DatabaseNotMigrated: before anything is started.
        SecondWorkerRefused: a second worker on one SQLite file.
    """
    pace = pace or Pace()
    metrics = Metrics()
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url)
        stack.push_async_callback(database.close)
        if not await is_migrated(database):
            raise DatabaseNotMigrated
        session = await stack.enter_async_context(build_session())
        http = await stack.enter_async_context(build_http_client(max_connections=64))
        token = settings.slack_bot_token.get_secret_value()
        client = build_client(token, settings.slack_api_url, session)
        api = SlackApi(client)
        identity = Identity(api, token=token, clock=clock)
        deliveries = DeliveryLog(database=database, clock=clock)
        agents = build_agents(settings)
        probes: dict[str, Probe] = {
            "database": _answers(database.ping),
            "migrations": lambda: is_migrated(database),
        }

        wake: Callable[[], None] = _nobody_to_wake
        if roles.works:
            directory = SlackDirectory(api, identity)
            posting = SlackPosting(api, http)
            polyai = PolyAIClient(http, clock=clock)
            calls = CallReader(polyai)
            decider = Decider(
                database=database,
                directory=directory,
                audience=AudienceReader(
                    database=database,
                    directory=directory,
                    clock=clock,
                    max_audience=settings.callaudio_max_audience,
                ),
                clock=clock,
                audience_must_be_cleared=settings.callaudio_audience is AudienceRule.CLEARED,
                external_channels=settings.callaudio_external_channels,
            )
            sharing = Sharing(
                log=deliveries, decider=decider, posting=posting, patience=pace.patience
            )
            steps = DeliverySteps(
                deliveries=deliveries,
                destinations=Destinations(log=deliveries, directory=directory, posting=posting),
                decider=decider,
                relay=Relay(
                    polyai=polyai,
                    posting=posting,
                    metrics=metrics,
                    max_bytes=settings.callaudio_max_recording_mb * 2**20,
                    max_concurrent=MAX_RELAYS,
                ),
                sharing=sharing,
                posting=posting,
                calls=calls,
                agents=agents,
            )
            endings = Endings(
                deliveries=deliveries,
                sharing=sharing,
                posting=posting,
                calls=calls,
                agents=agents,
                metrics=metrics,
            )
            workflow = DeliveryWorkflow(
                steps=steps, endings=endings, run_step=run_step, retry=pace.retry
            )
            engine = await _start_engine(stack, database, workflow, stopping, clock, pace)
            dispatcher = Dispatcher(deliveries=deliveries, engine=engine)
            await stack.enter_async_context(_in_background(dispatcher.run()))
            wake = dispatcher.wake
            probes["engine"] = _tells(lambda: engine.is_running)

        app = None
        if roles.listens:
            book = RequestBook(database=database, clock=clock, on_stored=wake)
            asking = Asking(book=book, deliveries=deliveries, agents=agents, metrics=metrics)
            app = build_app(
                # Bolt takes the token from `authorize` and warns of one it finds here.
                client=build_client(None, settings.slack_api_url, session),
                signing_secret=settings.slack_signing_secret.get_secret_value(),
                authorize=identity.authorize,
                listeners=Listeners(asking),
                metrics=metrics,
            )
            if settings.slack_app_token:
                app_token = settings.slack_app_token.get_secret_value()
                socket = SocketMode(app, app_token, client, metrics)
                stack.push_async_callback(socket.close)
                await socket.open()
                probes["socket"] = socket.is_open
        over_http = app if settings.slack_app_token is None else None
        yield Application(
            web=build_web(app=over_http, metrics=metrics, probes=probes),
            database=database,
            metrics=metrics,
            stopping=stopping,
        )


def build_agents(settings: Settings) -> Mapping[str, Agent]:
    """List the default agent and the named ones, by name."""

    def url(region: str) -> str:
        return settings.polyai_api_url or build_host(region)

    default = Agent(
        name=DEFAULT_AGENT,
        agent_id=settings.polyai_agent_id,
        region=settings.polyai_region.value,
        base_url=url(settings.polyai_region.value),
        api_key=settings.polyai_api_key,
        pii_api_key=settings.polyai_pii_api_key,
    )
    named = {
        name: Agent(
            name=name,
            agent_id=each.agent_id,
            region=each.region.value,
            base_url=url(each.region.value),
            api_key=each.api_key,
            pii_api_key=each.pii_api_key,
        )
        for name, each in settings.polyai_agents.items()
    }
    return {DEFAULT_AGENT: default, **named}


async def _start_engine(  # noqa: PLR0917 - the parts of one start, used once
    stack: AsyncExitStack,
    database: Database,
    workflow: DeliveryWorkflow,
    stopping: asyncio.Event,
    clock: Callable[[], datetime],
    pace: Pace,
) -> Engine:
    """Start the job engine under a lock or a lease that says whose work is whose."""
    path = sqlite_path(database.url)
    executor_id = SOLE_EXECUTOR
    if path:
        stack.callback(SoleWorker.claim(path).release)
    else:
        executor_id = f"worker-{uuid.uuid4().hex[:12]}"
    engine = Engine(store_url=database.url, executor_id=executor_id, max_concurrent=MAX_DELIVERIES)
    leases = Leases(
        database=database,
        clock=clock,
        executor_id=executor_id,
        take_over=engine.take_over,
        may_take_over=lambda: engine.is_running,
        on_lost=stopping.set,
        lapse=pace.lapse,
    )
    if not path:
        await leases.claim()
        stack.push_async_callback(leases.release)
        # Goes on while running work is drained: a lease that lapsed then would have it done twice.
        await stack.enter_async_context(_in_background(leases.run()))

    async def stop() -> None:
        # Whoever lost the lease works on what somebody else is working on.
        await engine.stop(drain_seconds=0 if leases.is_lost else pace.drain_seconds)

    stack.push_async_callback(stop)
    await engine.start(workflow.run)
    return engine


@asynccontextmanager
async def _in_background(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _nobody_to_wake() -> None:
    """A process without a worker: the others look into the store by themselves."""


def _answers(ping: Callable[[], Awaitable[None]]) -> Probe:
    async def probe() -> bool:
        await ping()
        return True

    return probe


def _tells(told: Callable[[], bool]) -> Probe:
    async def probe() -> bool:
        return told()

    return probe
