"""`run`, `web`, `worker`, `migrate`."""

import asyncio
from collections.abc import Coroutine
from types import FrameType
from typing import Annotated

import typer
import uvicorn

from bot.cli import console
from bot.jobs.sole_worker import SecondWorkerRefused
from bot.logs import configure_logging, get_logger
from bot.settings import Settings
from bot.store.database import Database, async_url
from bot.store.schema import upgrade
from bot.wiring.application import Roles, open_application
from bot.wiring.core import DatabaseNotMigrated
from bot.wiring.digests import OpenOutlets, build_outlets
from bot.wiring.pace import Pace

log = get_logger(__name__)

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")]
LOOPBACK = "127.0.0.1"


def run(host: Host = LOOPBACK) -> None:
    """Serve Slack, deliver and schedule in one process; a SQLite file is migrated first."""
    settings = console.settings()
    database = Database(settings.database_url)
    if database.is_sqlite:
        with console.database_told():
            upgrade(database.url)
    _serve(settings, Roles(listens=True, works=True), host)


def web(host: Host = LOOPBACK) -> None:
    """Serve Slack: store what people ask for and answer at once."""
    _serve(console.settings(), Roles(listens=True, works=False), host)


def worker(host: Host = LOOPBACK) -> None:
    """Deliver what was stored; several may run on PostgreSQL."""
    _serve(console.settings(), Roles(listens=False, works=True), host)


def migrate() -> None:
    """Bring the database to the newest revision; running it twice changes nothing."""
    url = async_url(console.database_url())
    with console.database_told():
        upgrade(url)
    typer.echo("The database is up to date.")


def _serve(settings: Settings, roles: Roles, host: str) -> None:
    configure_logging(settings.callaudio_log_format, settings.secret_values)
    try:
        with console.database_told():
            uvloop_run(serve(settings, roles, host=host, port=settings.port))
    except DatabaseNotMigrated:
        raise console.complain(console.MIGRATE_FIRST, code=console.FAILED) from None
    except SecondWorkerRefused:
        raise console.complain(
            "Another worker already serves this SQLite file. Stop it, or use PostgreSQL.",
            code=console.FAILED,
        ) from None


async def serve(
    settings: Settings,
    roles: Roles,
    *,
    host: str,
    port: int,
    pace: Pace | None = None,
    open_outlets: OpenOutlets = build_outlets,
) -> None:
    """Run the application until a signal."""
    async with open_application(
        settings, roles=roles, pace=pace, open_outlets=open_outlets
    ) as application:
        server = _Server(
            uvicorn.Config(
                application.web,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
            )
        )
        log.info("started", host=host, port=port, listens=roles.listens, works=roles.works)
        await server.serve()
        log.info("stopping")


class _Server(uvicorn.Server):
    """Ends at a signal but not by it: uvicorn would raise it anew, before anything was closed."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop serving; at a second signal, without waiting for open requests."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


def uvloop_run(work: Coroutine[object, object, None]) -> None:
    """Run on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - not to be had on every system
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)
