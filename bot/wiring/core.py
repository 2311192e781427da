"""The components that web and worker share."""

from collections.abc import Callable, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

import httpx
from slack_sdk.web.async_client import AsyncWebClient

from bot.access.audience import AudienceReader
from bot.access.clearance import Clearances
from bot.access.group_changes import GroupChanges
from bot.access.person import People
from bot.access.policy_evaluation import PolicyEvaluator
from bot.access.rights import Rights
from bot.access.standings import Standings
from bot.access_requests.reviewers import Reviewers
from bot.access_requests.store import AccessRequests
from bot.audit.log import counting
from bot.concurrency.in_flight import InFlight
from bot.home.home_store import HomeStore
from bot.network.circuit import Circuits
from bot.network.outbound import Outbound, outbound_of
from bot.observability.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.transport import build_http_client
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.references.agents import build_agents
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.recordings.take_back.take_back_store import TakeBackStore
from bot.settings.choices import AudienceRule, HeldLimits
from bot.settings.model import Settings
from bot.slack.web_api.api import SlackApi, build_client, build_session
from bot.slack.web_api.directory import SlackDirectory
from bot.slack.web_api.identity import Identity
from bot.slack.web_api.rate_limit_stores import SharedRateLimitStore
from bot.slack.web_api.rate_limiter import RateLimiter
from bot.slack.web_api.usergroups import SlackGroups
from bot.store.database import Database
from bot.store.revision import is_to_be_migrated


class DatabaseNotMigrated(Exception):
    """The database is at an older revision: run `callaudio migrate` first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The components that web and worker share."""

    settings: Settings
    clock: Callable[[], datetime]
    metrics: Metrics
    in_flight: InFlight
    database: Database
    outbound: Outbound
    http: httpx.AsyncClient
    client: AsyncWebClient
    """Without a token: Bolt and Socket Mode bring their own."""
    api: SlackApi
    rate_limiter: RateLimiter
    identity: Identity
    directory: SlackDirectory
    rights: Rights
    standings: Standings
    clearances: Clearances
    people: People
    group_changes: GroupChanges
    policy_evaluator: PolicyEvaluator
    deliveries: DeliveryStore
    take_back_store: TakeBackStore
    early_checks: EarlyFileChecks
    home_store: HomeStore
    access_requests: AccessRequests
    reviewers: Reviewers
    agents: MutableMapping[str, Agent]
    """Every component reads the same mapping, so that keys can be rotated in it."""


async def open_core(
    stack: AsyncExitStack,
    settings: Settings,
    clock: Callable[[], datetime],
    slack_minute_scale: float | None = None,
) -> Core:
    """Open the shared components; they are closed in reverse order.

    Raises:
        DatabaseNotMigrated, DatabaseNewer: before anything else is opened.
    """
    database = Database(settings.database_url)
    stack.push_async_callback(database.close)
    if await is_to_be_migrated(database):
        raise DatabaseNotMigrated
    database.health.is_logged = True
    outbound = outbound_of(settings)
    session = await stack.enter_async_context(build_session(outbound=outbound))
    token = settings.slack_bot_token.get_secret_value()
    metrics = Metrics()
    agents = dict(build_agents(settings))
    database.on_recorded = counting(metrics)
    rate_limiter = _build_rate_limiter(settings, database, slack_minute_scale)
    stack.push_async_callback(rate_limiter.close)
    circuits = Circuits()
    api = SlackApi(
        build_client(token, settings.slack_api_url, session),
        metrics=metrics,
        rate_limiter=rate_limiter,
    )
    identity = Identity(api, token=token, clock=clock)
    directory = SlackDirectory(api, identity)
    group_changes = GroupChanges(database)
    rights = Rights(
        database=database,
        groups=SlackGroups(api, group_changes, clock),
        clock=clock,
        first_admins=settings.callaudio_admins,
    )
    standings = Standings(database=database, directory=directory, clock=clock)
    clearances = Clearances(rights=rights, standings=standings)
    audience = AudienceReader(
        rights=rights, standings=standings, max_audience=settings.callaudio_max_audience
    )
    return Core(
        settings=settings,
        clock=clock,
        metrics=metrics,
        in_flight=InFlight(),
        database=database,
        outbound=outbound,
        http=await stack.enter_async_context(
            build_http_client(64, outbound, metrics, agents, circuits)
        ),
        client=build_client(None, settings.slack_api_url, session),
        api=api,
        rate_limiter=rate_limiter,
        identity=identity,
        directory=directory,
        rights=rights,
        standings=standings,
        clearances=clearances,
        people=People(database=database, rights=rights, standings=standings, clock=clock),
        group_changes=group_changes,
        policy_evaluator=PolicyEvaluator(
            directory=directory,
            clearances=clearances,
            audience=audience,
            audience_must_be_cleared=settings.callaudio_audience is AudienceRule.CLEARED,
            external_channels=settings.callaudio_external_channels,
        ),
        deliveries=DeliveryStore(database=database, clock=clock),
        take_back_store=TakeBackStore(database=database, clock=clock),
        early_checks=EarlyFileChecks(database=database, clock=clock),
        home_store=HomeStore(database=database, clock=clock),
        access_requests=AccessRequests(database=database, clock=clock),
        reviewers=Reviewers(
            database=database,
            clearances=clearances,
            clock=clock,
            first_admins=settings.callaudio_admins,
            channel_id=settings.callaudio_approvals_channel,
        ),
        agents=agents,
    )


def _build_rate_limiter(
    settings: Settings, database: Database, slack_minute_scale: float | None
) -> RateLimiter:
    """Build the rate limiter: it counts in memory on SQLite, and for all processes on PostgreSQL.

    A stand-in or gateway has no limits until it refuses a call, unless the settings say so.
    """
    store = None if database.is_sqlite else SharedRateLimitStore(database)
    if slack_minute_scale is not None:
        return RateLimiter(store, is_published=True, scale=slack_minute_scale)
    wanted = settings.callaudio_slack_limits
    is_slack_itself = settings.slack_api_url is None
    is_published = is_slack_itself if wanted is None else wanted is HeldLimits.PUBLISHED
    return RateLimiter(store, is_published=is_published)
