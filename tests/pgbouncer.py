"""A PgBouncer in transaction mode before a test's PostgreSQL, where one is installed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from sqlalchemy import make_url

from tests.polling import DEADLINE_SECONDS
from tests.ports import free_port

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
SESSIONS = 3
"""Sessions of the server, shared by every client: few, so that transactions change places."""

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@contextmanager
def pooled(database_url: str) -> Iterator[str]:
    """Give the URL of the same database behind a pooler, as a provider hands it out."""
    assert PROGRAM is not None
    url = make_url(database_url)
    socket_folder, port = str(url.query["host"]), free_port()
    # The server's socket is in a folder of its own user's; root may not run a pooler at all.
    owner = Path(socket_folder).owner()
    as_owner = ["-u", owner] if os.geteuid() == 0 else []
    with TemporaryDirectory(prefix="callaudio-pgbouncer-") as folder:
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(
            f"""[databases]
{url.database} = host={socket_folder} user={url.username or owner}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {SESSIONS}
max_client_conn = 200
"""
        )
        if as_owner:
            shutil.chown(folder, owner)
            shutil.chown(settings, owner)
        process = subprocess.Popen(
            [PROGRAM, "-q", *as_owner, str(settings)], stderr=subprocess.DEVNULL
        )
        try:
            pooled_url = f"postgresql://callaudio@127.0.0.1:{port}/{url.database}"
            _wait(pooled_url)
            yield f"{pooled_url}?pgbouncer=true&schema=public"
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def _wait(url: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
