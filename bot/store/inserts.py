"""Inserts with an `ON CONFLICT` clause, for either database.

SQLAlchemy offers the clause only in each dialect's own insert (docs: "SQLite" and "PostgreSQL").
"""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.tables import Base


def insert_into(table: type[Base], *, is_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """Build an insert that accepts an `ON CONFLICT` clause."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def is_on_sqlite(session: AsyncSession) -> bool:
    """Return whether a transaction is on SQLite."""
    return session.get_bind().dialect.name == "sqlite"
