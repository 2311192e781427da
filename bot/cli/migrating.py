"""`migrate`: brings the database to the newest revision."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from bot.cli import console
from bot.jobs.sqlite_worker_lock import SecondWorkerRefused, SqliteWorkerLock
from bot.store.database import Database
from bot.store.engines import sqlite_path
from bot.store.revision import is_to_be_migrated, newest_revision, revisions


@dataclass(frozen=True, slots=True)
class Migration:
    """What was done to the database; ``before`` is None for a new one."""

    before: str | None
    after: str


def migrate() -> None:
    """Bring the database to the newest revision; running it twice changes nothing."""
    database_url = console.database_url()
    with console.database_errors_shown(), second_worker_refused():
        done = asyncio.run(migrate_database(database_url))
    if done is None:
        typer.echo(f"The database is up to date, at revision {newest_revision()}.")
    elif done.before is None:
        typer.echo(f"The new database was brought to revision {done.after}.")
    else:
        typer.echo(f"The database was brought from revision {done.before} to {done.after}.")


@contextmanager
def second_worker_refused() -> Iterator[None]:
    """Report a worker that already serves the SQLite file; end the command with 1."""
    try:
        yield
    except SecondWorkerRefused:
        raise console.complain(
            "Another worker already serves this SQLite file. Stop it, or use PostgreSQL.",
            code=console.FAILED,
        ) from None


async def migrate_database(database_url: str) -> Migration | None:
    """Migrate to the newest revision, if necessary; Alembic is loaded only then.

    Raises:
        DatabaseNewer: the database is of a newer version.
        SecondWorkerRefused: a worker of the version before still serves the SQLite file.
    """
    database = Database(database_url)
    try:
        if not await is_to_be_migrated(database):
            return None
        before = await revisions(database)
    finally:
        await database.close()
    from bot.store.schema import upgrade  # noqa: PLC0415 - costs 11 MB for as long as it runs

    path = sqlite_path(database.url)
    lock = SqliteWorkerLock.acquire(path) if path else None
    try:
        upgrade(database.url)
    finally:
        if lock:
            lock.release()
    return Migration(before=before[0] if before else None, after=newest_revision())
