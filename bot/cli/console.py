"""Shared by all commands: reading settings, opening the store, printing, exit codes."""

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from bot.errors import CallAudioError, UsageError
from bot.settings.environment import ENV_FILE, load_database_url, load_first_admins, load_settings
from bot.settings.model import Settings, SettingsError
from bot.store.database import Database
from bot.store.engines import missing_file
from bot.store.failures import is_away, why
from bot.store.revision import DatabaseNewer, is_to_be_migrated
from bot.text.characters import printable

T = TypeVar("T")

FAILED: Final = 1
BAD_USAGE: Final = 2
WIDEST_TABLE: Final = 10_000
MIGRATE_FIRST: Final = "The database is not up to date. Run `callaudio migrate` first."
DOCTOR_SAYS_MORE: Final = "`callaudio doctor` checks the settings and says what to do first."


def note(*lines: str) -> None:
    """Print to standard error; the command continues."""
    console = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)
    for line in lines:
        console.print(printable(line))


def complain(*lines: str, code: int) -> typer.Exit:
    """Print to standard error; raise the returned exception to exit with the code."""
    note(*lines)
    return typer.Exit(code)


def unusable(option: str, error: UsageError) -> typer.Exit:
    """Print why the value of an option is unusable; raise what is returned, to exit with 2."""
    lines = (f"{option}: {error.what}", error.likely_cause, error.operator_fix)
    return complain(*filter(None, lines), code=BAD_USAGE)


@contextmanager
def value_of(option: str) -> Iterator[None]:
    """Print why the value of an option is unusable, and end the command with 2."""
    try:
        yield
    except UsageError as error:
        raise unusable(option, error) from None


def say(text: str) -> None:
    """Print one line of text."""
    typer.echo(printable(text))


def given_reason(text: str) -> str:
    """Return a reason without the blanks around it; an empty one ends the command with 2."""
    if not text.strip():
        raise complain("--reason is empty.", code=BAD_USAGE)
    return text.strip()


def operator() -> str:
    """Return the giver of rights from the command line: the account on this machine."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError) as error:
        raise UsageError(what="This account has no name; set LOGNAME.") from error


def settings() -> Settings:
    """Read the settings; all problems are printed and end the command with 2."""
    try:
        return load_settings(os.environ)
    except SettingsError as error:
        hints = [] if ENV_FILE.exists() else [f"There is no file {ENV_FILE} in this folder."]
        raise complain(*error.problems, *hints, DOCTOR_SAYS_MORE, code=BAD_USAGE) from None


def database_url() -> str:
    """Read only DATABASE_URL: operators' commands need no Slack or PolyAI secrets."""
    return _read(load_database_url)


def first_admins() -> frozenset[str]:
    """Read only CALLAUDIO_ADMINS; an invalid user id ends the command with 2."""
    return _read(load_first_admins)


@asynccontextmanager
async def store() -> AsyncIterator[Database]:
    """Open the configured database; if it is missing or not migrated, the command ends with 1."""
    database = Database(database_url())
    try:
        require_file(database.url)
        if await is_to_be_migrated(database):
            raise complain(MIGRATE_FIRST, code=FAILED)
        yield database
    finally:
        await database.close()


def require_file(url: URL) -> None:
    """Refuse a missing SQLite file: SQLite would create it, and nothing would be wrong in it."""
    path = missing_file(url)
    if path is not None:
        what = f"There is no database file {path}."
        fix = "Check DATABASE_URL and the current folder. `callaudio migrate` makes a new one."
        raise complain(what, fix, code=FAILED)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; a ``CallAudioError`` is printed and ends it with 1."""
    try:
        with database_errors_shown():
            return asyncio.run(work)
    except CallAudioError as error:
        raise complain(error.what, error.operator_fix, code=FAILED) from None


@contextmanager
def database_errors_shown() -> Iterator[None]:
    """Print why the database cannot be used, with its own message; end the command with 1."""
    try:
        yield
    except DatabaseNewer:
        what = "The database is of a newer version of callaudio than this one."
        fix = "Install that version again, or restore a backup of before it was migrated."
        raise complain(what, fix, code=FAILED) from None
    except DBAPIError as error:
        failure = why(error)
        if failure is None and not is_away(error):
            raise  # a mistake in a statement of ours
        says = failure.says if failure else "it fails"
        fix = failure.fix if failure else "Check DATABASE_URL."
        detail = f"It says: {error.orig}".splitlines()[0]
        raise complain(f"The database cannot be used: {says}.", fix, detail, code=FAILED) from None


def width() -> int | None:
    """Return the width of the terminal, or COLUMNS; None: as wide as needed, as for a file."""
    console = Console()
    is_known = console.is_terminal or "COLUMNS" in os.environ
    return (console.width or None) if is_known else None  # a shell without a terminal sets 0


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as one JSON array, or as a table.

    If a row of the table is too wide for the terminal, each is printed as a paragraph: rich would
    cut its cells.
    """
    if as_json:
        typer.echo(json.dumps(list(rows), default=str))
        return
    if not rows:
        say("There are none.")
        return
    console, table = Console(width=width() or WIDEST_TABLE), Table(*columns)
    for row in rows:
        table.add_row(*(Text(_shown(row.get(column))) for column in columns))
    any_width = console.options.update(width=WIDEST_TABLE)
    if Measurement.get(console, any_width, table).maximum <= console.width:
        console.print(table)
        return
    for row in rows:
        say("\n".join(f"{column}: {_shown(row.get(column))}" for column in columns) + "\n")


def _shown(value: object) -> str:
    return "-" if value is None else printable(str(value), keep="")


def _read(read: Callable[[Mapping[str, str]], T]) -> T:
    try:
        return read(os.environ)
    except SettingsError as error:
        raise complain(*error.problems, code=BAD_USAGE) from None
