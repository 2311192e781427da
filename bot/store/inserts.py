"""Inserts that may meet a row of the same key, spelled for the database in use.

SQLAlchemy has `ON CONFLICT` in each dialect's own insert alone (docs: "SQLite" and "PostgreSQL").
"""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.tables import Base


def insert_into(table: type[Base], *, is_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Begin an insert that can say what happens on a conflict."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def is_on_sqlite(session: AsyncSession) -> bool:
    """Return whether a transaction is on SQLite."""
    return session.get_bind().dialect.name == "sqlite"
