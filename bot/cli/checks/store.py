"""The database: whether it answers, is migrated, can be written, and wakes workers."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.cli.checks.finding import CHECK_SECONDS, Finding, Status, unchecked
from bot.jobs.work_loop import POLL_SECONDS
from bot.settings.environment import ENV_FILE
from bot.store.database import Database
from bot.store.engines import missing_file, sqlite_path
from bot.store.failures import DISK_FULL, READ_ONLY, why
from bot.store.revision import is_newer, newest_revision, revisions

NO_TABLES: Final = "there are no tables yet"
CHANNEL: Final = "callaudio_doctor"
NOTIFIED_WITHIN_SECONDS: Final = 2.0
AFTER_DATABASE: Final = ("migrations", "writing to the database")
LEAST_FREE_BYTES: Final = 100 * 2**20
WAKING: Final = "waking workers"


async def check_store(database_url: str) -> list[Finding]:
    """Check the database; if it does not answer, the other checks are left out."""
    database = Database(database_url)
    found: list[Finding] = []
    path = missing_file(database.url)
    if path and os.access(path.parent, os.W_OK):  # a check must not create the file
        says = f"{NO_TABLES}; the file {path} does not exist"
        missing = Finding("database", Status.SET, says, _creates(path))
        return [missing, *(unchecked(each, "database") for each in AFTER_DATABASE)]
    what = "database"
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            at = await revisions(database)
            found.append(Finding(what, Status.OK, "answers"))
            found.append(_migrations(at, sqlite_path(database.url)))
            what = "writing to the database"
            found.append(await _writing(what, database))
            if not database.is_sqlite:
                what = WAKING
                found.append(await _waking(what, database))
    except (SQLAlchemyError, psycopg.Error, OSError) as error:  # OSError: TimeoutError too
        if not found:
            found = [unchecked(each, what) for each in AFTER_DATABASE]
        found.insert(0 if what == "database" else len(found), _failed(what, error))
    finally:
        await database.close()
    return found


def _creates(missing: Path) -> str:
    """Say what creates a file; in another folder than this one it may exist already."""
    if missing.parent == Path.cwd() and ENV_FILE.exists():
        return f"Start `callaudio run`; it creates {missing.name} here."
    again = "If callaudio has run before, check DATABASE_URL and the current folder."
    return f"Start `callaudio run`; it creates the file. {again}"


def _migrations(at: list[str], file: Path | None) -> Finding:
    if not at:
        # On PostgreSQL several processes may start at once, and none of them migrates.
        fix = (
            "Start `callaudio run`; it creates the tables, as `callaudio migrate` does."
            if file
            else "Run `callaudio migrate`; it creates the tables."
        )
        return Finding("migrations", Status.SET, NO_TABLES, fix)
    if at == [newest_revision()]:
        return Finding("migrations", Status.OK, "newest revision")
    if is_newer(at):
        fix = "Install that version again, or restore a backup of before it was migrated."
        return Finding("migrations", Status.WRONG, "of a newer version of callaudio", fix)
    return Finding("migrations", Status.WRONG, "older revision", "Run `callaudio migrate`.")


async def _writing(what: str, database: Database) -> Finding:
    """Try a write in a transaction, and roll it back."""
    async with database.write() as session:
        if database.is_sqlite:
            # Only a write shows it: SQLite also opens files that it can only read.
            await session.execute(text("CREATE TABLE callaudio_doctor (tried INTEGER)"))
        elif await session.scalar(text("SHOW transaction_read_only")) == "on":
            return Finding(what, Status.WRONG, READ_ONLY.says, READ_ONLY.fix)
        await session.rollback()
    path = sqlite_path(database.url)
    if path is not None:
        free_bytes = await asyncio.to_thread(_free_bytes, path)
        if free_bytes < LEAST_FREE_BYTES:
            says = f"its disk has {free_bytes // 2**20} MB left"
            return Finding(what, Status.WRONG, says, DISK_FULL.fix)
    return Finding(what, Status.OK, "works")


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path.parent).free


async def _waking(what: str, database: Database) -> Finding:
    """Send a notification from one connection to another, as web processes wake workers."""
    async with database.engine.connect() as connection:
        listening = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await listening.exec_driver_sql(f"LISTEN {CHANNEL}")
        driver = (await listening.get_raw_connection()).driver_connection
        assert isinstance(driver, psycopg.AsyncConnection)  # noqa: S101 - the store's driver
        try:
            async with database.write() as session:
                await session.execute(text(f"NOTIFY {CHANNEL}"))
            notified = driver.notifies(timeout=NOTIFIED_WITHIN_SECONDS, stop_after=1)
            heard = [each async for each in notified]
        finally:
            await connection.invalidate()  # it listens permanently
    if heard:
        return Finding(what, Status.OK, "notifications arrive")
    return Finding(
        what,
        Status.SET,
        "notifications do not arrive, as behind a pooler in transaction mode: a separate worker "
        f"polls for new work every {POLL_SECONDS:g} s",
    )


def _failed(what: str, error: Exception) -> Finding:
    failure = why(error)
    if failure:
        return Finding(what, Status.WRONG, failure.says, failure.fix)
    original = error.orig if isinstance(error, DBAPIError) else error
    first_line = (str(original).splitlines() or [""])[0] or type(error).__name__
    return Finding(what, Status.WRONG, f"it fails: {first_line}", "Check DATABASE_URL.")
