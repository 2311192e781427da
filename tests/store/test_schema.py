"""The migrations build exactly the tables of the models, from any revision and repeatedly."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from bot.store.database import Database
from bot.store.engines import async_url
from bot.store.revision import is_migrated, newest_revision
from bot.store.schema import alembic_config, sync_url, upgrade
from bot.store.tables import Base
from tests.migrated import current_revision

ROOT = Path(__file__).parents[2]


def differences(url):
    engine = create_engine(sync_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": Base.metadata}
        )
        found = compare_metadata(context, Base.metadata)
    engine.dispose()
    return found


def tables(url):
    engine = create_engine(sync_url(url))
    names = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return names


def test_the_migrations_build_the_models(database_url):
    url = async_url(database_url)
    assert differences(url) == []
    assert tables(url) == set(Base.metadata.tables)


def test_migrations_run_twice_and_down_and_up_again(empty_url):
    url = async_url(empty_url)
    assert current_revision(url) is None
    upgrade(url)
    upgrade(url)
    assert current_revision(url) == newest_revision()
    command.downgrade(alembic_config(url), "base")
    assert tables(url) == set()
    assert current_revision(url) is None
    upgrade(url)
    assert current_revision(url) == newest_revision()
    assert differences(url) == []


def test_the_migrations_have_one_head():
    script = ScriptDirectory.from_config(alembic_config(async_url("sqlite:///unused.db")))
    assert script.get_heads() == [newest_revision()]
    assert script.get_bases() == ["0001"]


async def test_a_database_is_migrated_only_at_the_newest_revision(empty_url):
    database = Database(empty_url)
    assert not await is_migrated(database)
    upgrade(database.url)
    assert await is_migrated(database)
    command.stamp(alembic_config(database.url), None, purge=True)
    assert not await is_migrated(database)
    await database.close()


@pytest.mark.parametrize(
    ("given", "asynchronous", "blocking"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db", "sqlite:///a.db"),
        ("sqlite:////var/a.db", "sqlite+aiosqlite:////var/a.db", "sqlite:////var/a.db"),
        (
            "postgresql://u:p%40ss@host:5433/name?sslmode=require",
            "postgresql+psycopg://u:p%40ss@host:5433/name?sslmode=require",
            "postgresql+psycopg://u:p%40ss@host:5433/name?sslmode=require",
        ),
    ],
)
def test_a_driver_in_the_url_is_replaced_by_ours(given, asynchronous, blocking):
    url = async_url(given)
    assert url.render_as_string(hide_password=False) == asynchronous
    assert sync_url(url).render_as_string(hide_password=False) == blocking
    assert async_url(asynchronous) == url


def test_a_url_of_another_kind_of_database_is_refused():
    with pytest.raises(KeyError):
        async_url("mysql://host/name")


def test_alembics_own_command_line_finds_the_migrations_and_the_database(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={"DATABASE_URL": f"sqlite:///{tmp_path}/by_hand.db", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert current_revision(async_url(f"sqlite:///{tmp_path}/by_hand.db")) == newest_revision()
