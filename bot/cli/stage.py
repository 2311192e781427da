"""The bot with its stand-ins for Slack and PolyAI, on loopback."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.cli.loopback_server import LOOPBACK, serve_on_loopback
from bot.sandbox.person import SlackClientSide, SlackPerson
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.settings.environment import load_settings
from bot.slack.connections import Connections, Limits
from bot.slack.rejected_requests import RejectedRequests
from bot.wiring.application import Application, Roles, open_application
from bot.wiring.clock import utc_now
from bot.wiring.digests import OpenOutlets, build_outlets
from bot.wiring.timings import Timings

AGENT_ID: Final = "PROJECT-SANDBOX"
PLAIN_KEY: Final = "PlainKeyOfTheSandbox0123456789ab"
RAW_KEY: Final = "RawKeyOfTheSandbox0123456789abcd"
ACCOUNT_ID: Final = "ws-sandbox"
PLATFORM_KEY: Final = "PlatformKeyOfTheSandbox012345678"
HOSTS: Final = {
    "SLACK_API_URL": "slack",
    "POLYAI_API_URL": "polyai",
    "POLYAI_PLATFORM_URL": "platform",
}
"""How the stand-ins are called in a domain."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running stand-ins and the running bot."""

    workspace: Workspace
    slack: SlackSandbox
    polyai: PolyAISandbox
    application: Application
    origin: str
    """Where the bot listens."""
    people: SlackPerson


@asynccontextmanager
async def open_stage(
    database_url: str,
    *,
    environment: Mapping[str, str] | None = None,
    timings: Timings | None = None,
    workspace: Workspace | None = None,
    region: str = "us",
    has_platform: bool = False,
    open_outlets: OpenOutlets = build_outlets,
    clock: Callable[[], datetime] = utc_now,
    tls: ssl.SSLContext | None = None,
    domain: str | None = None,
    works: bool = True,
) -> AsyncIterator[Stage]:
    """Start the stand-ins and the bot on a migrated database; ``environment`` replaces settings.

    With ``has_platform`` the bot reads the v3 list of conversations, else the v1 list. The bot's
    time is ``clock``; a workspace has one of its own. With ``tls`` the stand-ins speak TLS; with a
    ``domain`` the bot calls them by names in it instead of by address. Without ``works`` it runs no
    work: a worker in another process does.
    """
    workspace = workspace or Workspace()
    async with SlackSandbox(workspace, tls=tls) as slack, PolyAISandbox(region, tls=tls) as polyai:
        polyai.add_key(PLAIN_KEY, region=region)
        polyai.add_key(RAW_KEY, pii=True, region=region)
        polyai.add_platform_key(PLATFORM_KEY, account_id=ACCOUNT_ID, agents=[AGENT_ID])
        environ = {
            **environment_of(workspace, slack, polyai),
            **(platform_environment_of(polyai) if has_platform else {}),
            "DATABASE_URL": database_url,
            **(environment or {}),
        }
        if domain:
            for name, host in HOSTS.items():
                environ[name] = environ.get(name, "").replace(LOOPBACK, f"{host}.{domain}", 1)
            workspace.origin = slack.origin.replace(LOOPBACK, f"slack.{domain}", 1)
        settings = load_settings({name: value for name, value in environ.items() if value})
        roles = Roles(listens=True, works=works)
        async with (
            open_application(
                settings, roles=roles, clock=clock, timings=timings, open_outlets=open_outlets
            ) as application,
            serving(application) as origin,
        ):
            yield Stage(
                workspace=workspace,
                slack=slack,
                polyai=polyai,
                application=application,
                origin=origin,
                people=SlackClientSide(workspace, f"{origin}/slack/events"),
            )


def environment_of(
    workspace: Workspace, slack: SlackSandbox, polyai: PolyAISandbox
) -> dict[str, str]:
    """Build the environment that points the bot at the stand-ins."""
    return {
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_SIGNING_SECRET": workspace.signing_secret,
        "SLACK_API_URL": slack.url,
        "POLYAI_REGION": polyai.region,
        "POLYAI_AGENT_ID": AGENT_ID,
        "POLYAI_API_KEY": PLAIN_KEY,
        "POLYAI_PII_API_KEY": RAW_KEY,
        "POLYAI_API_URL": polyai.url,
        # Sampling is random; the stage has to be reproducible.
        "CALLAUDIO_CHECK_REDACTION": "off",
        # A few test users make the requests of many people.
        "CALLAUDIO_MAX_WAITING": "100000",
    }


def platform_environment_of(polyai: PolyAISandbox) -> dict[str, str]:
    """Build the settings that point the bot at the v3 list."""
    return {
        "POLYAI_ACCOUNT_ID": ACCOUNT_ID,
        "POLYAI_PLATFORM_URL": polyai.platform.origin,
        "POLYAI_PLATFORM_API_KEY": PLATFORM_KEY,
    }


@asynccontextmanager
async def serving(application: Application, limits: Limits | None = None) -> AsyncIterator[str]:
    """Serve a bot on a free loopback port; yields its origin."""
    connections = Connections(RejectedRequests(application.metrics), limits or Limits())
    async with serve_on_loopback(connections.config(application.web)) as origin:
        yield origin
