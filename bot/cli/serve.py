"""`run`, `web`, `worker`."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn

from bot.cli import console
from bot.cli.loopback_server import LOOPBACK
from bot.cli.migrating import migrate_database, second_worker_refused
from bot.cli.signals import hangups, reload_at, stopped_at_sigterm
from bot.cli.sockets import Address, bound, cannot_listen, most_connections
from bot.errors import CallAudioError
from bot.jobs.background import in_background
from bot.observability.logs import configure_logging, get_logger
from bot.observability.tracing import start_tracing
from bot.settings.environment import ENV_FILE, load_settings, read_env_file
from bot.settings.model import Settings
from bot.slack.connections import MAX_CONNECTIONS, Connections, Limits
from bot.slack.rejected_requests import RejectedRequests
from bot.store.engines import async_url, sqlite_path
from bot.wiring.application import Application, Roles, open_application
from bot.wiring.core import DatabaseNotMigrated
from bot.wiring.digests import OpenOutlets, build_outlets
from bot.wiring.timings import Timings

log = get_logger(__name__)

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")]
ANSWERS_SECONDS: Final = 3
"""How long a stopping server waits for responses in progress: as long as Slack does."""
HEALTH_SECONDS: Final = 1
"""The same if Slack sends no requests to it, but only monitoring does."""
COMMANDS: Final = {
    Roles(listens=True, works=True): "run",
    Roles(listens=True, works=False): "web",
    Roles(listens=False, works=True): "worker",
}
UP: Final = {
    "run": "callaudio is up: type /callaudio in Slack.",
    "web": "callaudio is up: type /callaudio in Slack. `callaudio worker` delivers.",
    "worker": "The worker is up: it delivers what `callaudio web` stores.",
}
NOT_CONNECTED: Final = (
    "callaudio runs, but there is no Socket Mode connection to Slack yet: `callaudio doctor` finds "
    "out why. It keeps trying."
)
NOT_ACCEPTED: Final = (
    "callaudio runs, but Slack does not accept its bot token, or does not answer: `callaudio "
    "doctor` finds out why. It keeps trying."
)
SLACK_ANSWERS_SECONDS: Final = 3.0
"""How long the sentence in a terminal waits for Slack."""


def run(context: typer.Context, host: Host = LOOPBACK) -> None:
    """Serve Slack, deliver and schedule in one process; a SQLite file is migrated first."""
    _serve(context, Roles(listens=True, works=True), host, migrates_file=True)


def web(context: typer.Context, host: Host = LOOPBACK) -> None:
    """Serve Slack: store requests and answer at once."""
    _serve(context, Roles(listens=True, works=False), host)


def worker(context: typer.Context, host: Host = LOOPBACK) -> None:
    """Run stored work; several workers may run on PostgreSQL."""
    _serve(context, Roles(listens=False, works=True), host)


def _serve(context: typer.Context, roles: Roles, host: str, *, migrates_file: bool = False) -> None:
    settings = console.settings()
    configure_logging(settings.callaudio_log_format, settings.secret_values)
    stop_tracing = start_tracing(os.environ)
    try:
        with console.database_errors_shown(), second_worker_refused():
            serving = serve(
                settings,
                roles,
                host=host,
                port=settings.port,
                migrates_file=migrates_file,
                # A terminal that closes sends SIGHUP too: there it ends the process, as usual.
                reread=None if sys.stderr.isatty() else partial(_reread, context.obj),
            )
            uvloop_run(serving)
            stop_tracing()
    except DatabaseNotMigrated:
        raise console.complain(console.MIGRATE_FIRST, code=console.FAILED) from None


def _reread(given: Mapping[str, str]) -> Settings:
    """Read the settings again, with what the file `.env` says now."""
    environ = dict(given)
    read_env_file(ENV_FILE, environ)
    return load_settings(environ)


async def serve(
    settings: Settings,
    roles: Roles,
    *,
    host: str,
    port: int,
    timings: Timings | None = None,
    open_outlets: OpenOutlets = build_outlets,
    migrates_file: bool = False,
    reread: Callable[[], Settings] | None = None,
) -> None:
    """Run the application until a signal; with ``reread``, SIGHUP takes over rotated secrets.

    Raises:
        typer.Exit: an address is not available, before anything is opened or changed; or there is
            no SQLite file, and none is to be created.
        DatabaseNotMigrated, DatabaseNewer: before anything is started.
        SecondWorkerRefused: a second worker on one SQLite file.
    """
    other_port = f"another port, `PORT={port % 65535 + 1} callaudio {COMMANDS[roles]}`"
    address = Address(host, port, other_port)
    addresses = [address]
    if of_metrics := settings.callaudio_metrics_address:
        addresses.append(Address(*of_metrics, "another CALLAUDIO_METRICS_ADDRESS"))
    with (
        stopped_at_sigterm() as is_closing,
        hangups(are_heard=reread is not None) as hung_up,
        bound(addresses) as sockets,
    ):
        url = async_url(settings.database_url)
        if not migrates_file:
            console.require_file(url)
        elif sqlite_path(url) and (done := await migrate_database(settings.database_url)):
            log.info("database_migrated", from_revision=done.before, to_revision=done.after)
        async with AsyncExitStack() as stack:
            application = await stack.enter_async_context(
                open_application(settings, roles=roles, timings=timings, open_outlets=open_outlets)
            )
            if reread and application.rotation:
                reloading = reload_at(hung_up, reread, application.rotation)
                await stack.enter_async_context(in_background(reloading))
            is_asked_by_slack = roles.listens and settings.slack_app_token is None
            limits = Limits(connections=most_connections(MAX_CONNECTIONS))
            config = Connections(RejectedRequests(application.metrics), limits).config(
                application.web,
                timeout_graceful_shutdown=ANSWERS_SECONDS if is_asked_by_slack else HEALTH_SECONDS,
            )
            await _GracefulServer(config, address, roles, application).serve(sockets)
            is_closing.set()
            log.info("stopping")


class _GracefulServer(uvicorn.Server):
    """Stops at a signal without raising it again, as uvicorn would before anything is closed."""

    def __init__(
        self, config: uvicorn.Config, address: Address, roles: Roles, application: Application
    ) -> None:
        super().__init__(config)
        self._application = application
        self._address = address
        self._roles = roles

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, log it, and tell people who watch a terminal."""
        address, roles = self._address, self._roles
        try:
            await super().startup(sockets)
        except OSError as error:  # taken since it was bound here
            raise cannot_listen(address, error) from None
        log.info(
            "started",
            host=address.host,
            port=address.port,
            listens=roles.listens,
            works=roles.works,
        )
        if sys.stderr.isatty():  # elsewhere programs read the log, which is JSON
            says = await _obstacle(self._application) or UP[COMMANDS[roles]]
            console.note(f"{says} Ctrl-C stops it.")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop serving; at a second signal, do not wait for open requests."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


async def _obstacle(application: Application) -> str | None:
    """Return why Slack and the bot do not reach each other; None if they do."""
    if application.socket and not await application.socket.is_open():
        return NOT_CONNECTED
    try:
        async with asyncio.timeout(SLACK_ANSWERS_SECONDS):
            if application.identity:
                await application.identity.read()
    except (CallAudioError, TimeoutError):
        return NOT_ACCEPTED
    return None


def uvloop_run(work: Coroutine[object, object, None]) -> None:
    """Run on uvloop if it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not to be had on every system
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)
