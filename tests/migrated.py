"""A migrated SQLite file, created once in each run."""

from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import URL

from bot.store.engines import async_url
from bot.store.schema import sync_engine, upgrade
from tests.postgresql import alone


def migrated_sqlite_file() -> Path:
    """Return the run's migrated file, for copying; the first process that needs it creates it."""
    with alone("sqlite") as folder:
        path = folder / "sqlite" / "callaudio.db"
        if not path.exists():
            path.parent.mkdir()
            upgrade(async_url(f"sqlite:///{path}"))
    return path


def current_revision(url: URL) -> str | None:
    """Return the revision of the database, or None for an empty one."""
    engine = sync_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
