"""Alembic's entry point: migrates the database of the caller or of DATABASE_URL."""

import os

from alembic import context

from bot.settings.environment import load_database_url
from bot.store.engines import async_url
from bot.store.schema import sync_engine
from bot.store.tables import Base, UtcDateTime


def render(kind: str, item: object, autogen_context: object) -> str | bool:
    """Write our own column type as its type in the database."""
    del autogen_context
    return (
        "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False
    )


url = context.config.attributes.get("url") or async_url(load_database_url(os.environ))
engine = sync_engine(url)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render,
        transaction_per_migration=True,
        transactional_ddl=True,  # on SQLite as well, see sync_engine
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
