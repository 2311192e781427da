"""A DATABASE_URL as providers hand it out: understood, or refused in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from bot.settings.database_url import DatabaseUrlRefused, for_drivers
from bot.settings.environment import load_database_url
from bot.settings.model import SettingsError
from bot.store.engines import async_url
from tests.tables import each_row

SECRET = "hunter2"
AT = f"postgresql://u:{SECRET}@db"


@each_row(
    ("given", "spelt"),
    [
        pytest.param(f"{AT}/x?pgbouncer=true", f"{AT}/x", id="Prisma, Supabase"),
        pytest.param(
            f"{AT}:6543/x?pgbouncer=true&connection_limit=1&pool_timeout=10",
            f"{AT}:6543/x",
            id="Prisma's pool",
        ),
        pytest.param(f"{AT}/x?schema=public", f"{AT}/x", id="Prisma's schema"),
        pytest.param(f"{AT}/x?currentSchema=public", f"{AT}/x", id="JDBC"),
        pytest.param(f"{AT}/x?serverVersion=16&charset=utf8", f"{AT}/x", id="Doctrine"),
        pytest.param(f"{AT}/x?statement_cache_size=0", f"{AT}/x", id="asyncpg"),
        pytest.param(f"{AT}/x?supa=base-pooler.x", f"{AT}/x", id="Supabase on Vercel"),
        pytest.param(f"{AT}/x?sslmode=require", f"{AT}/x?sslmode=require", id="TLS"),
        pytest.param(f"{AT}/x?ssl=true", f"{AT}/x?sslmode=require", id="TLS in another word"),
        pytest.param(f"{AT}/x?ssl=0", f"{AT}/x?sslmode=disable", id="none in another word"),
        pytest.param(
            f"{AT}/x?sslmode=require&channel_binding=require",
            f"{AT}/x?sslmode=require&channel_binding=require",
            id="Neon",
        ),
        pytest.param(
            f"{AT}/x?options=endpoint%3Dep-1",
            f"{AT}/x?options=endpoint%3Dep-1",
            id="Neon's old way",
        ),
        pytest.param(
            f"postgres://u:{SECRET}@h1:5432,h2:5433/x?target_session_attrs=read-write",
            f"postgresql://u:{SECRET}@/x?host=h1:5432&host=h2:5433&target_session_attrs=read-write",
            id="several hosts",
        ),
        pytest.param("postgresql://h1,h2/x", "postgresql:///x?host=h1&host=h2", id="without ports"),
        pytest.param("postgresql:///x?host=/run", "postgresql:///x?host=/run", id="a socket"),
        pytest.param("sqlite:///a,b.db", "sqlite:///a,b.db", id="a file"),
    ],
)
def test_parameters_of_other_programs_are_accepted(given, spelt):
    assert for_drivers(given) == spelt
    assert for_drivers(spelt) == spelt


def test_several_hosts_reach_the_driver_each_with_its_port():
    url = async_url(for_drivers("postgresql://u@h1:5432,h2:5433/x"))
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert (arguments["host"], arguments["port"]) == ("h1,h2", "5432,5433")


BARE = "write them as %40, %2F and %3F"
PORT = "is `@host` missing after the password?"


@each_row(
    ("url", "said"),
    [
        (f"{AT}/x?schema=app", "ALTER ROLE"),
        (f"{AT}/x?currentSchema=app,public", "ALTER ROLE"),
        (f"{AT}/x?sslmode=no-verify", "verify-full"),
        (f"{AT}/x?sslaccept=strict", "`sslaccept`"),
        (f"{AT}/x?foo=bar", "`foo`"),
        (f"{AT}/x?pgbouncer=true&foo=bar", "`foo`"),
        (f"{AT}/x?{SECRET}!=1", "one (leave it out)"),
        (f"{AT}/x?connect_timeout={SECRET}", "no number of seconds"),
        (f"{AT}/x?connect_timeout=1.5", "no number of seconds"),
        (f"sqlite:///x.db?timeout={SECRET}", "a value that it cannot have"),
        # A part of the password could be taken for a host.
        *(
            (f"postgresql://u:{password}@db:5432/callaudio", BARE)
            for password in ("hunter2@x", "hunter2/x", "hunter2?x", "hunter2?x=1/x")
        ),
        # Drivers show what is no port.
        *(
            (f"postgresql://{rest}", PORT)
            for rest in (
                f"app:{SECRET}/db",
                f"app:{SECRET}",
                f"app:{SECRET}?sslmode=require",
                f"app:{SECRET},db/x",
                f"u@/x?host=app:{SECRET}",
                f"u@db/x?port={SECRET}",
                "app:123456/db",
                "u@db:/x",
                "u@[::1]:a/x",
            )
        ),
    ],
)
def test_an_unusable_url_is_reported_without_showing_it(url, said):
    with pytest.raises(SettingsError) as caught:
        load_database_url({"DATABASE_URL": url})
    (problem,) = caught.value.problems
    assert problem.startswith("DATABASE_URL ")
    assert said in problem
    assert not any(shown in problem for shown in (SECRET, "123456", "app"))
    assert caught.value.__context__ is None


@each_row(
    "given", ["sqlite:///x.db?timeout=5", "sqlite:///file:x.db?uri=true&mode=ro&cache=shared"]
)
def test_parameters_of_sqlite_and_its_file_names_are_accepted(given):
    assert load_database_url({"DATABASE_URL": given}) == given


@given(st.text(alphabet=st.sampled_from("ab1:@/?,[]=&%. -") | st.characters()))
def test_the_drivers_read_whatever_is_accepted(rest):
    try:
        url = async_url(for_drivers(f"postgresql://{rest}"))
    except ValueError:
        return
    url.get_dialect()().create_connect_args(url)


@given(st.text())
def test_any_parameters_are_accepted_or_refused_with_a_reason(query):
    try:
        spelt = for_drivers(f"{AT}/x?{query}")
    except DatabaseUrlRefused:
        return
    make_url(spelt)
    assert for_drivers(spelt) == spelt
