"""A migrated SQLite file, made once a run."""

from pathlib import Path

from bot.store.engines import async_url
from bot.store.schema import upgrade
from tests.postgresql import alone


def migrated_sqlite_file() -> Path:
    """Give the run's migrated file, to be copied; the first process that asks makes it."""
    with alone("sqlite") as folder:
        path = folder / "sqlite" / "callaudio.db"
        if not path.exists():
            path.parent.mkdir()
            upgrade(async_url(f"sqlite:///{path}"))
    return path
