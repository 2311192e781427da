"""Migrates to the newest revision; the only module that loads Alembic."""

from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from bot.store.engines import connect_args, refuse_other_encodings
from bot.store.revision import MIGRATIONS, DatabaseNewer


def alembic_config(url: URL) -> Config:
    """Build Alembic's configuration for one database, with its blocking driver."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = sync_url(url)
    return config


def sync_url(url: URL) -> URL:
    """Return the URL of the same database with its blocking driver, which migrations use."""
    driver = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=driver[url.get_backend_name()])


def sync_engine(url: URL) -> Engine:
    """Build a blocking engine on the database, for migrations.

    On SQLite too, a migration is one transaction. By default the driver commits each change of a
    table at once, and a migration that failed halfway, on a full disk, could not be run again.
    """
    engine = create_engine(sync_url(url), connect_args=connect_args(url), hide_parameters=True)
    is_sqlite = url.get_backend_name() == "sqlite"

    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        if is_sqlite:
            connection.isolation_level = None  # so that the driver begins no transaction itself
        else:
            refuse_other_encodings(connection)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if is_sqlite:
            connection.exec_driver_sql("BEGIN")

    return engine


def upgrade(url: URL, revision: str = "head") -> None:
    """Migrate the database to ``revision``; running it twice changes nothing. Blocking.

    Raises:
        DatabaseNewer: a newer version has migrated it.
    """
    try:
        command.upgrade(alembic_config(url), revision)
    except CommandError as error:
        if isinstance(error.__cause__, ResolutionError):
            raise DatabaseNewer from None
        raise
