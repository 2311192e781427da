"""Alembic's entry point: migrates the database of the caller or of DATABASE_URL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from alembic import context
from sqlalchemy import Engine, text

from bot.settings.environment import load_database_url
from bot.store.engines import async_url
from bot.store.schema import sync_engine
from bot.store.tables import Base, UtcDateTime

LOCK: Final = 0x63616C6C
"""A number that no other program on this database locks: "call" in ASCII."""


def render(kind: str, item: object, autogen_context: object) -> str | bool:
    """Write our own column type as its type in the database."""
    del autogen_context
    return (
        "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False
    )


@contextmanager
def one_at_a_time(engine: Engine) -> Iterator[None]:
    """Wait for another migration of the same PostgreSQL database, which then has done the work.

    The lock belongs to a transaction of its own, so that it works behind a pooler, too.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.begin() as waiting:
        waiting.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        waiting.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        yield


url = context.config.attributes.get("url") or async_url(load_database_url(os.environ))
engine = sync_engine(url)
with one_at_a_time(engine), engine.connect() as connection:
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
