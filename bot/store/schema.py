"""The database's revision, and the migration to the newest one."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL

from bot.store.database import Database, connect_args

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def alembic_config(url: URL) -> Config:
    """Build Alembic's configuration for one database, on its own driver (drivers stay ours)."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = sync_url(url)
    return config


def sync_url(url: URL) -> URL:
    """Name the blocking driver of the same database: migrations use it."""
    driver = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=driver[url.get_backend_name()])


def sync_engine(url: URL) -> Engine:
    """Build a blocking engine on the database, for migrations."""
    return create_engine(sync_url(url), connect_args=connect_args(url))


def upgrade(url: URL, revision: str = "head") -> None:
    """Bring the database to ``revision``; running it twice changes nothing. Blocking."""
    command.upgrade(alembic_config(url), revision)


@cache
def newest_revision() -> str | None:
    """Name the head of the migrations that ship with this version; their files are read once."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


def current_revision(url: URL) -> str | None:
    """Name the revision the database is at, or None for an empty one. Blocking."""
    engine = sync_engine(url)
    try:
        with engine.connect() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


async def is_migrated(database: Database) -> bool:
    """Tell whether the database is at the newest revision."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(_revision) == newest_revision()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
