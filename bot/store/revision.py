"""Checks that the database is at the newest revision, without loading Alembic.

Every start checks it, and loading Alembic costs 0.2 s of processor time and 11 MB.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from bot.store.database import Database

_OF_A_WHEEL: Final = Path(__file__).parents[1] / "migrations"
_OF_THE_REPOSITORY: Final = Path(__file__).parents[2] / "migrations"
MIGRATIONS: Final = _OF_A_WHEEL if _OF_A_WHEEL.is_dir() else _OF_THE_REPOSITORY
REVISION_TABLE: Final = "alembic_version"


class DatabaseNewer(Exception):
    """The database is at a revision that this version does not know."""


def newest_revision() -> str:
    """Return the number of the newest migration of this version, from its file name."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


async def is_migrated(database: Database) -> bool:
    """Return whether the database is at the newest revision."""
    return await revisions(database) == [newest_revision()]


async def is_to_be_migrated(database: Database) -> bool:
    """Return whether the database is at an older revision, or at none.

    Raises:
        DatabaseNewer: it is at a revision that this version does not know.
    """
    at = await revisions(database)
    if is_newer(at):
        raise DatabaseNewer
    return at != [newest_revision()]


def is_newer(at: Sequence[str]) -> bool:
    """Return whether ``at``, the revision of a database, is one that this version does not know."""
    return max(at, default="") > newest_revision()


async def revisions(database: Database) -> list[str]:
    """Return the revision of the database; none where nothing was migrated yet."""
    async with database.engine.begin() as connection:
        return await connection.run_sync(_revisions)


def _revisions(connection: Connection) -> list[str]:
    if not inspect(connection).has_table(REVISION_TABLE):
        return []
    return list(connection.scalars(text(f"SELECT version_num FROM {REVISION_TABLE}")))  # noqa: S608 - a constant
