"""Compiles each SQL statement once a process, not once for the engine of each test.

An engine keeps what it compiled under keys that hold its dialect's object. Here engines share one
store, and two dialects of one class and one version of the server count as one dialect.
"""

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache

STATEMENTS = LRUCache(5_000)


def share_compiled_statements() -> None:
    """Make every engine created from now on use statements that another one compiled."""
    for kind in (SQLiteDialect_aiosqlite, PGDialectAsync_psycopg):
        kind.__eq__ = _is_same
        kind.__hash__ = _hash
    event.listen(Engine, "engine_connect", _use_shared)


def _use_shared(connection: Connection) -> None:
    connection.engine._compiled_cache = STATEMENTS


def _identity(dialect: Dialect) -> tuple[object, ...]:
    return type(dialect), getattr(dialect, "server_version_info", None)


def _is_same(dialect: Dialect, other: object) -> bool:
    return type(dialect) is type(other) and _identity(dialect) == _identity(other)


def _hash(dialect: Dialect) -> int:
    return hash(_identity(dialect))
