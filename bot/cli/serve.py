"""`run`, `web`, `worker`, `migrate`."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn

from bot.cli import console
from bot.cli.loopback_server import LOOPBACK
from bot.cli.reloading import hangups, reload_at
from bot.cli.sockets import CannotListen, bound, cannot_listen, most_connections
from bot.cli.stopping import stopped_at_sigterm
from bot.jobs.background import in_background
from bot.jobs.sole_worker import SecondWorkerRefused, SoleWorker
from bot.observability.logs import configure_logging, get_logger
from bot.observability.tracing import start_tracing
from bot.settings.environment import ENV_FILE, load_settings, read_env_file
from bot.settings.model import Settings
from bot.slack.connections import MAX_CONNECTIONS, Connections, Limits
from bot.slack.rejected_requests import RejectedRequests
from bot.store.database import Database
from bot.store.engines import async_url, sqlite_path
from bot.store.revision import is_to_be_migrated
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


def run(context: typer.Context, host: Host = LOOPBACK) -> None:
    """Serve Slack, deliver and schedule in one process; a SQLite file is migrated first."""
    _serve(context, Roles(listens=True, works=True), host, migrates_file=True)


def web(context: typer.Context, host: Host = LOOPBACK) -> None:
    """Serve Slack: store requests and answer at once."""
    _serve(context, Roles(listens=True, works=False), host)


def worker(context: typer.Context, host: Host = LOOPBACK) -> None:
    """Run stored work; several workers may run on PostgreSQL."""
    _serve(context, Roles(listens=False, works=True), host)


def migrate() -> None:
    """Bring the database to the newest revision; running it twice changes nothing."""
    database_url = console.database_url()
    with console.database_errors_shown(), _second_worker_refused():
        asyncio.run(_migrate(database_url))
    typer.echo("The database is up to date.")


def _serve(context: typer.Context, roles: Roles, host: str, *, migrates_file: bool = False) -> None:
    settings = console.settings()
    configure_logging(settings.callaudio_log_format, settings.secret_values)
    stop_tracing = start_tracing(os.environ)
    try:
        with console.database_errors_shown(), _second_worker_refused():
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
    except CannotListen as error:
        code = console.BAD_USAGE if error.is_usage else console.FAILED
        raise console.complain(error.what, error.fix, code=code) from None
    except DatabaseNotMigrated:
        raise console.complain(console.MIGRATE_FIRST, code=console.FAILED) from None


@contextmanager
def _second_worker_refused() -> Iterator[None]:
    try:
        yield
    except SecondWorkerRefused:
        raise console.complain(
            "Another worker already serves this SQLite file. Stop it, or use PostgreSQL.",
            code=console.FAILED,
        ) from None


def _reread(given: Mapping[str, str] | None) -> Settings:
    """Read the settings again, with what the file `.env` says now."""
    if given is None:
        return load_settings(os.environ)
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
        CannotListen: before anything is opened or changed.
        typer.Exit: there is no SQLite file, and none is to be created.
        DatabaseNotMigrated, DatabaseNewer: before anything is started.
        SecondWorkerRefused: a second worker on one SQLite file.
    """
    addresses = [(host, port), *([settings.metrics_address] if settings.metrics_address else [])]
    with (
        stopped_at_sigterm() as stop,
        hangups(are_heard=reread is not None) as hung_up,
        bound(addresses) as sockets,
    ):
        url = async_url(settings.database_url)
        if not migrates_file:
            console.require_file(url)
        elif sqlite_path(url):
            await _migrate(settings.database_url)
        async with AsyncExitStack() as stack:
            application = await stack.enter_async_context(
                open_application(settings, roles=roles, timings=timings, open_outlets=open_outlets)
            )
            if reread and application.rotation:
                reloading = reload_at(hung_up, reread, application.rotation)
                await stack.enter_async_context(in_background(reloading))
            is_asked_by_slack = roles.listens and settings.slack_app_token is None
            config = _configure(
                application, ANSWERS_SECONDS if is_asked_by_slack else HEALTH_SECONDS
            )
            server = _GracefulServer(config, host, port, roles)
            await server.serve(sockets)
            stop.is_under_way = True
            log.info("stopping")


async def _migrate(database_url: str) -> None:
    """Migrate to the newest revision; Alembic is loaded only if it is needed.

    Raises:
        SecondWorkerRefused: a worker of the version before still serves the SQLite file.
    """
    database = Database(database_url)
    try:
        if not await is_to_be_migrated(database):
            return
    finally:
        await database.close()
    from bot.store.schema import upgrade  # noqa: PLC0415 - costs 11 MB for as long as it runs

    path = sqlite_path(database.url)
    sole_worker = SoleWorker.claim(path) if path else None
    try:
        upgrade(database.url)
    finally:
        if sole_worker:
            sole_worker.release()


def _configure(application: Application, answers_seconds: int) -> uvicorn.Config:
    limits = Limits(connections=most_connections(MAX_CONNECTIONS))
    connections = Connections(RejectedRequests(application.metrics), limits)
    return connections.config(application.web, timeout_graceful_shutdown=answers_seconds)


class _GracefulServer(uvicorn.Server):
    """Stops at a signal without raising it again, as uvicorn would before anything is closed."""

    def __init__(self, config: uvicorn.Config, host: str, port: int, roles: Roles) -> None:
        super().__init__(config)
        self._address = host, port
        self._roles = roles

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, and log it."""
        host, port = self._address
        try:
            await super().startup(sockets)
        except OSError as error:  # taken since it was bound here
            raise cannot_listen(host, port, error) from None
        roles = self._roles
        log.info("started", host=host, port=port, listens=roles.listens, works=roles.works)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop serving; at a second signal, do not wait for open requests."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


def uvloop_run(work: Coroutine[object, object, None]) -> None:
    """Run on uvloop if it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not to be had on every system
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)
