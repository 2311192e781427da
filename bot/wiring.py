"""The one place that builds and closes everything with a lifetime."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette

from bot.access.access_rounds import AccessRounds
from bot.access.administration import Administration
from bot.access.approvers import Approvers
from bot.access.approving import Approving
from bot.access.asking_for_access import AskingForAccess
from bot.access.audience import AudienceReader
from bot.access.deciding import Decider
from bot.access.due_requests import DueRequests
from bot.access.group_changes import GroupChanges
from bot.access.request_store import AccessRequests
from bot.access.rights import Rights
from bot.jobs.background import in_background
from bot.jobs.dispatcher import Dispatcher
from bot.jobs.engine import Engine, run_step
from bot.jobs.leases import LAPSE
from bot.jobs.running import running_engine
from bot.jobs.upkeep import PAUSE_SECONDS, attend_access, take_back
from bot.jobs.workflow import DeliveryWorkflow, RetryRule
from bot.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.polyai.transport import build_http_client
from bot.recordings.agents import build_agents
from bot.recordings.asking import Asking
from bot.recordings.deliver import DeliverySteps
from bot.recordings.destination import Destinations
from bot.recordings.endings import Endings
from bot.recordings.explaining import Explaining
from bot.recordings.raw_files import RawFiles
from bot.recordings.record import DeliveryLog
from bot.recordings.relay import Relay
from bot.recordings.requests import RequestBook
from bot.recordings.retention import LOOK_EVERY, Retention, RetentionRule
from bot.recordings.sharing import Patience, Sharing
from bot.settings import AudienceRule, Settings
from bot.slack.access_listeners import AccessListeners
from bot.slack.access_posting import SlackAccessPosting
from bot.slack.admin_listeners import AdminListeners
from bot.slack.api import SlackApi, build_client, build_session
from bot.slack.app import build_app
from bot.slack.directory import SlackDirectory
from bot.slack.event_listeners import EventListeners
from bot.slack.identity import Identity
from bot.slack.listeners import Listeners
from bot.slack.posting import SlackPosting
from bot.slack.socket_mode import SocketMode
from bot.slack.usergroups import SlackGroups
from bot.slack.web import Probe, build_web
from bot.store.database import Database
from bot.store.schema import is_migrated

# Bodies moving at a time: each holds a few network buffers.
MAX_RELAYS: Final = 8


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
    look_every: timedelta = LOOK_EVERY
    access_pause_seconds: float = PAUSE_SECONDS
    access_again_after: timedelta = timedelta(seconds=60)


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
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        core = await _open_core(stack, settings, clock)
        probes: dict[str, Probe] = {
            "database": _answers(core.database.ping),
            "migrations": lambda: is_migrated(core.database),
        }
        wake: Callable[[], None] = _nobody_to_wake
        if roles.works:
            worker = _build_worker(core, pace or Pace())
            engine, wake = await _start_worker(stack, core, worker, stopping, pace or Pace())
            probes["engine"] = _tells(lambda: engine.is_running)
        app = _build_slack(core, wake) if roles.listens else None
        if app and settings.slack_app_token:
            token = settings.slack_app_token.get_secret_value()
            socket = SocketMode(app, token, core.client, core.metrics)
            stack.push_async_callback(socket.close)
            await socket.open()
            probes["socket"] = socket.is_open
            app = None  # Slack talks over the socket alone
        yield Application(
            web=build_web(app=app, metrics=core.metrics, probes=probes),
            database=core.database,
            metrics=core.metrics,
            stopping=stopping,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    """What listening and working share."""

    settings: Settings
    clock: Callable[[], datetime]
    metrics: Metrics
    database: Database
    http: httpx.AsyncClient
    client: AsyncWebClient
    """Without a token: Bolt and Socket Mode bring their own."""
    api: SlackApi
    identity: Identity
    directory: SlackDirectory
    rights: Rights
    group_changes: GroupChanges
    decider: Decider
    deliveries: DeliveryLog
    raw_files: RawFiles
    access_requests: AccessRequests
    approvers: Approvers
    agents: Mapping[str, Agent]


async def _open_core(
    stack: AsyncExitStack, settings: Settings, clock: Callable[[], datetime]
) -> _Core:
    database = Database(settings.database_url)
    stack.push_async_callback(database.close)
    if not await is_migrated(database):
        raise DatabaseNotMigrated
    session = await stack.enter_async_context(build_session())
    token = settings.slack_bot_token.get_secret_value()
    api = SlackApi(build_client(token, settings.slack_api_url, session))
    identity = Identity(api, token=token, clock=clock)
    directory = SlackDirectory(api, identity)
    group_changes = GroupChanges(database)
    rights = Rights(
        database=database,
        groups=SlackGroups(api, group_changes, clock),
        clock=clock,
        first_admins=settings.callaudio_admins,
    )
    audience = AudienceReader(
        database=database,
        directory=directory,
        rights=rights,
        max_audience=settings.callaudio_max_audience,
    )
    return _Core(
        settings=settings,
        clock=clock,
        metrics=Metrics(),
        database=database,
        http=await stack.enter_async_context(build_http_client(max_connections=64)),
        client=build_client(None, settings.slack_api_url, session),
        api=api,
        identity=identity,
        directory=directory,
        rights=rights,
        group_changes=group_changes,
        decider=Decider(
            directory=directory,
            rights=rights,
            audience=audience,
            audience_must_be_cleared=settings.callaudio_audience is AudienceRule.CLEARED,
            external_channels=settings.callaudio_external_channels,
        ),
        deliveries=DeliveryLog(database=database, clock=clock),
        raw_files=RawFiles(database=database, clock=clock),
        access_requests=AccessRequests(database=database, clock=clock),
        approvers=Approvers(
            database=database,
            clock=clock,
            first_admins=settings.callaudio_admins,
            channel_id=settings.callaudio_approvals_channel,
        ),
        agents=build_agents(settings),
    )


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a worker runs."""

    workflow: DeliveryWorkflow
    retention: Retention
    access_rounds: AccessRounds


def _build_worker(core: _Core, pace: Pace) -> _Worker:
    posting = SlackPosting(core.api, core.http)
    polyai = PolyAIClient(core.http, clock=core.clock)
    calls = CallReader(polyai)
    sharing = Sharing(
        log=core.deliveries, decider=core.decider, posting=posting, patience=pace.patience
    )
    hours = core.settings.callaudio_raw_ttl_hours
    keep_raw = timedelta(hours=hours) if hours else None
    steps = DeliverySteps(
        deliveries=core.deliveries,
        destinations=Destinations(log=core.deliveries, directory=core.directory, posting=posting),
        decider=core.decider,
        relay=Relay(
            polyai=polyai,
            posting=posting,
            metrics=core.metrics,
            max_bytes=core.settings.callaudio_max_recording_mb * 2**20,
            max_concurrent=MAX_RELAYS,
        ),
        sharing=sharing,
        posting=posting,
        calls=calls,
        agents=core.agents,
    )
    endings = Endings(
        deliveries=core.deliveries,
        sharing=sharing,
        posting=posting,
        calls=calls,
        agents=core.agents,
        metrics=core.metrics,
        keep_raw=keep_raw,
    )
    return _Worker(
        workflow=DeliveryWorkflow(
            steps=steps, endings=endings, run_step=run_step, retry=pace.retry
        ),
        retention=Retention(
            files=core.raw_files,
            decider=core.decider,
            posting=posting,
            agents=core.agents,
            rule=RetentionRule(keep=keep_raw, look_every=pace.look_every),
        ),
        access_rounds=AccessRounds(
            requests=core.access_requests,
            due=DueRequests(database=core.database, clock=core.clock),
            approvers=core.approvers,
            directory=core.directory,
            posting=SlackAccessPosting(core.api),
            again_after=pace.access_again_after,
        ),
    )


async def _start_worker(
    stack: AsyncExitStack, core: _Core, worker: _Worker, stopping: asyncio.Event, pace: Pace
) -> tuple[Engine, Callable[[], None]]:
    """Start the engine and what runs beside it; gives the way to wake it, too."""
    engine = await stack.enter_async_context(
        running_engine(
            core.database,
            worker.workflow.run,
            clock=core.clock,
            on_lost=stopping.set,
            lapse=pace.lapse,
            drain_seconds=pace.drain_seconds,
        )
    )
    dispatcher = Dispatcher(deliveries=core.deliveries, engine=engine)
    await stack.enter_async_context(in_background(dispatcher.run()))
    await stack.enter_async_context(in_background(take_back(worker.retention)))
    attending = attend_access(worker.access_rounds, pace.access_pause_seconds)
    await stack.enter_async_context(in_background(attending))
    return engine, dispatcher.wake


def _build_slack(core: _Core, wake: Callable[[], None]) -> AsyncApp:
    settings = core.settings
    administration = Administration(
        database=core.database,
        rights=core.rights,
        clock=core.clock,
        first_admins=settings.callaudio_admins,
        on_rights_changed=core.raw_files.look_now,
    )
    asking = Asking(
        book=RequestBook(database=core.database, clock=core.clock, on_stored=wake),
        deliveries=core.deliveries,
        agents=core.agents,
        metrics=core.metrics,
    )
    asking_for_access = AskingForAccess(
        database=core.database,
        requests=core.access_requests,
        approvers=core.approvers,
        max_hours=settings.callaudio_max_grant_hours,
    )
    approving = Approving(
        database=core.database,
        requests=core.access_requests,
        rights=core.rights,
        directory=core.directory,
        clock=core.clock,
        on_rights_changed=core.raw_files.look_now,
    )
    explaining = Explaining(administration=administration, decider=core.decider, agents=core.agents)
    return build_app(
        client=core.client,
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        authorize=core.identity.authorize,
        listeners=(
            Listeners(asking),
            AdminListeners(administration, explaining),
            AccessListeners(asking_for_access, approving, core.api),
            EventListeners(changes=core.group_changes, raw_files=core.raw_files, clock=core.clock),
        ),
        metrics=core.metrics,
    )


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
